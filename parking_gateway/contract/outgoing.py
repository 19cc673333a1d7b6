"""Messages that are published once, and their topics. `schemas/` is generated from these structs."""

from typing import Any, Final, assert_never

import msgspec

from parking_gateway.contract.messages import Count, Instant, Name
from parking_gateway.contract.publication import MessageProperties, Publication
from parking_gateway.contract.tree import topic_of
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import Clearing, Command, Correction, DueOutgoing, Reply, Session
from parking_gateway.core.space import SpaceState


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
    """Identifies the message, because a subscriber may receive it twice."""
    site: Name | None
    zone: Name | None
    space: Name | None
    arrival: Instant
    departure: Instant
    seconds: Count
    overstay: bool
    """Whether the car stayed for longer than it might."""
    reservation: str | None


class CorrectionMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A published step that did not happen so. Topic: {root}/transitions/{site}/{zone}/{space}/corrections, not retained."""

    id: int
    """Identifies the message, because a subscriber may receive it twice."""
    site: Name | None
    zone: Name | None
    space: Name | None
    corrects: int
    """The `id` of the published step."""
    before: SpaceState | None = msgspec.field(name="from")
    after: SpaceState | None = msgspec.field(name="to")
    at: Instant | None
    """From, to and at are the step as it happened; null: it did not happen."""


OUTGOING_SCHEMAS: Final[dict[str, type[msgspec.Struct]]] = {
    "notice": NoticeMessage,
}
"""The schema files and the messages they describe. Messages that nobody sends yet, and ChirpStack's own, have none."""

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
        case Correction():
            topic = f"{root}/transitions/{_place(row)}/corrections"
            return Publication(topic=topic, payload=_encode(_correction(row, message)), retain=False)
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
        id=row.id,
        site=row.site,
        zone=row.zone,
        space=row.space,
        arrival=session.arrived_at,
        departure=session.departed_at,
        seconds=round((session.departed_at - session.arrived_at).total_seconds()),
        overstay=session.is_overstay,
        reservation=session.reservation,
    )


def _correction(row: DueOutgoing, correction: Correction) -> CorrectionMessage:
    return CorrectionMessage(
        id=row.id,
        site=row.site,
        zone=row.zone,
        space=row.space,
        corrects=correction.corrects,
        before=correction.before,
        after=correction.after,
        at=correction.at,
    )
