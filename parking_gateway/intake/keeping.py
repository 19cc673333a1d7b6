"""Whether messages go into the database or into the journal."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from parking_gateway.broker.message import Message
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.lanes import Done, ended
from parking_gateway.store.patience import StopRequested, TakesNothing


async def recorded_or_kept(
    recording: Callable[[], Coroutine[Any, Any, None]],
    messages: Sequence[Message],
    *,
    after: Sequence[Done],
    journal: Journal,
    received_at: datetime,
) -> None:
    """Record the messages, or keep them in the journal, after these lanes.

    While the journal is in use, everything goes into it. So no message overtakes an earlier one of its device. If neither takes
    them, both are tried again, and the messages stay unacknowledged.
    """
    was_tried = was_refused = is_stopping = False
    while True:
        if not journal.is_used:
            try:
                await recording()
                if was_refused:
                    journal.recorded()
            except StopRequested:
                is_stopping = True
            except TakesNothing:
                pass
            else:
                return
            was_tried = True
        await ended(after)
        if await journal.keep(messages, received_at, was_tried=was_tried):
            return
        was_refused = True
        if is_stopping:
            raise StopRequested
        await journal.room()
