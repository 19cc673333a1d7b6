"""The changes since a cursor as events for watchers, read from the database: so those of every gateway, and of every command."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from parking_gateway.contract.rendering import counts_message, device_message
from parking_gateway.core.due import DueKind
from parking_gateway.store import changes, gateways, plans
from parking_gateway.store.plans import Plan
from parking_gateway.web.cursor import Cursor, cursor_at
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.messages import BoardGateway, notice_of, other_gateways, removed_of, space_of, step_of, zone_of

MOST: Final = 5000
"""Rows of a kind. After more changes than that, the whole picture is less to send."""
_MOST_SENT: Final = 200_000
"""Rows whose last event is remembered."""
_encode: Final = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True):
    """One message for watchers."""

    kind: str
    key: int | str | tuple[int, str]
    """Identifies its row among those of its kind."""
    data: bytes

    @property
    def text(self) -> bytes:
        """As a browser gets it."""
        return b"event: %b\ndata: %b\n\n" % (self.kind.encode(), self.data)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The events after a cursor, and the cursor after them."""

    events: Sequence[Event] | None
    """None: the past of the cursor does not lead to the present."""
    others: Sequence[BoardGateway] = ()
    """The other gateways, changed or not."""
    is_cut: bool = False
    """There are more, which are older."""
    cursor: Cursor


async def changes_since(desk: WebDesk, cursor: Cursor) -> Changes:
    """Read them. Raises DatabaseUnusable."""
    since = cursor.position
    now, gone, sites, zones, spaces, devices, steps, notices, known = await desk.read(
        changes.moment(),
        changes.gone(since=since),
        *(
            changes.rows(kind, since=since, limit=MOST)
            for kind in (DueKind.SITE, DueKind.ZONE, DueKind.SPACE, DueKind.DEVICE)
        ),
        changes.steps(since=since, last=cursor.last_step, limit=MOST),
        changes.notices(since=since, last=cursor.last_notice, limit=MOST),
        gateways.known(),
    )
    if not cursor.is_followed_by(now):
        return Changes(events=None, cursor=cursor_at(now))
    plan_of: dict[tuple[str, str], Plan] = {}
    position_of: dict[int, plans.Position] = {}
    if zones or spaces:
        plan_of, position_of = await desk.read(plans.plans(), plans.positions([row.key for row in spaces]))
    events = [
        # Without the time, a name that is lost for the second time would be a repeat.
        *(Event("removed", (row.space, row.until), _encode(removed_of(row))) for row in gone),
        *(Event("site", row.key, _encode(counts_message(row))) for row in sites),
        *(Event("zone", row.key, _encode(zone_of(row, plan_of.get((row.site, row.zone))))) for row in zones),
        *(Event("space", row.key, _encode(space_of(row, position_of.get(row.key)))) for row in spaces),
        *(Event("device", row.key, _encode(device_message(row))) for row in devices),
        *(Event("transition", row.id, _encode(step_of(row))) for row in reversed(steps)),
        *(Event("notice", row.id, _encode(notice_of(row))) for row in reversed(notices)),
    ]
    is_cut = max(map(len, (sites, zones, spaces, devices, steps, notices))) >= MOST
    others = other_gateways(known, desk.config.gateway.instance)
    return Changes(events=events, others=others, is_cut=is_cut, cursor=cursor_at(now))


class Memory:
    """The last event of each row, because a row is read again as long as an older transaction has not ended."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, Any], int] = {}

    def new(self, events: Sequence[Event]) -> Iterator[Event]:
        """The events that were not the last ones of their rows."""
        if len(self._sent) > _MOST_SENT:
            self._sent.clear()
        for event in events:
            place, content = (event.kind, event.key), hash(event.data)
            if self._sent.get(place) != content:
                self._sent[place] = content
                yield event
