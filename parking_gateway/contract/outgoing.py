"""Messages that are published once, and their topics. `schemas/` is generated from these structs."""

from typing import Any, Final, assert_never

import msgspec

from parking_gateway.contract.messages import Count, Instant, Name
from parking_gateway.contract.publication import MessageProperties, Publication
from parking_gateway.contract.tree import topic_of
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import Clearing, Command, DueOutgoing, Reply, Session


class NoticeMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an operator has to be told once. Topic: {root}/events/{kind}, not retained."""

    id: int
    """Identifies the notice, because a subscriber may receive it twice."""
    kind: NoticeKind
    at: Instant
    site: Name | None
    zone: Name | None
    space: Name | None
    """Site, zone and space are null for a notice about no single space; they are the names at that time."""
    dev_eui: str | None
    """Null for a notice about no single device."""
    details: dict[str, Any]
    """More about it. The names depend on the kind."""


class SessionMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stay of a car that has ended. Topic: {root}/sessions/{site}/{zone}/{space}, not retained."""

    id: int
    """Identifies the stay, because a subscriber may receive it twice."""
    site: Name | None
    zone: Name | None
    space: Name | None
    arrived_at: Instant
    departed_at: Instant
    seconds: Count
    overstay: bool
    """Whether the car stayed for longer than it might."""
    reservation: str | None
    """The one that held when the car came."""
    corrects: int | None
    """The id of a stay that was published and is wrong, because an uplink came late."""
    withdrawn: bool
    """The stay that it corrects did not happen."""


_encode: Final = msgspec.json.Encoder().encode


def sent(root: str, row: DueOutgoing) -> Publication:
    """The row's publication, on its topic."""
    message = row.message
    match message:
        case Notice():
            return Publication(
                topic=f"{root}/events/{message.kind}", payload=_encode(_notice(row, message)), retain=False
            )
        case Session():
            return Publication(
                topic=f"{root}/sessions/{_place(row)}", payload=_encode(_session(row, message)), retain=False
            )
        case Reply():
            properties = MessageProperties(correlation_data=message.correlation_data)
            return Publication(topic=message.topic, payload=message.payload, retain=False, properties=properties)
        case Command():
            return Publication(topic=message.topic, payload=message.payload, retain=False)
        case Clearing():
            return Publication(topic=topic_of(root, message.kind, message.names), payload=b"", retain=True)
        case _:
            assert_never(message)


def _place(row: DueOutgoing) -> str:
    return f"{row.site}/{row.zone}/{row.space}"


def _notice(row: DueOutgoing, notice: Notice) -> NoticeMessage:
    return NoticeMessage(
        id=row.id,
        kind=notice.kind,
        at=notice.at,
        site=row.site,
        zone=row.zone,
        space=row.space,
        dev_eui=notice.dev_eui,
        details=notice.details,
    )


def _session(row: DueOutgoing, session: Session) -> SessionMessage:
    return SessionMessage(
        id=session.id,
        site=row.site,
        zone=row.zone,
        space=row.space,
        arrived_at=session.arrived_at,
        departed_at=session.departed_at,
        seconds=round((session.departed_at - session.arrived_at).total_seconds()),
        overstay=session.is_overstay,
        reservation=session.reservation,
        corrects=session.corrects,
        withdrawn=session.is_withdrawn,
    )
