"""Stays of cars, and what was offered meanwhile: appended by the transaction of the turn. `history` corrects them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from parking_gateway.core.stay import Course
from parking_gateway.store import hours, offers
from parking_gateway.store.hot import HOT
from parking_gateway.store.outgoing import KEPT
from parking_gateway.store.query import Query, command
from parking_gateway.store.rows import arrays
from parking_gateway.store.spaces import Locked


def end(course: Course, locked: Locked) -> Iterator[Query[Any]]:
    """Append the stays that ended, and publish them. To be executed before the spaces are saved, because they have the arrivals."""
    ended = course.stays
    if not ended:
        return
    arrivals = [stay.arrival for stay in ended]
    columns = arrays(
        number=list(range(len(ended))),
        row=[locked.rows[stay.space] for stay in ended],
        departed_at=[stay.departed_at for stay in ended],
        departure=[stay.departure for stay in ended],
        arrived_at=[one and one.at for one in arrivals],
        arrival=[one and one.cause for one in arrivals],
        reservation=[one and one.reservation for one in arrivals],
    )
    yield command(HOT["end_stays"], columns | {"kept": KEPT})


def note(course: Course, *, now: datetime) -> Iterator[Query[Any]]:
    """Append what is offered from now on, and note which parts of the history have to be corrected or counted again."""
    came = [*(one.arrival for one in course.stays if one.arrival is not None), *course.arrivals.values()]
    changes = [*(one.departed_at for one in course.stays), *(one.at for one in came)]
    if changes and (earliest := min(changes)) < now - hours.RECENT / 2:
        yield hours.mark(earliest)
    if course.offers:
        yield offers.append(course.offers)
    if late := course.late:
        parts = arrays(
            space=list(late),
            since=[one.since for one in late.values()],
            until=[one.until for one in late.values()],
        )
        yield command(HOT["note_late"], parts)
