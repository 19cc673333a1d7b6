"""The messages of the board: those of the MQTT contract, and what only a person who looks needs besides."""

from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.contract.messages import CountsMessage, SpaceMessage, TransitionMessage
from parking_gateway.contract.outgoing import NoticeMessage
from parking_gateway.contract.rendering import counts_message, space_message
from parking_gateway.core.due import DueCounts, DueSpace
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.space import SpaceId
from parking_gateway.store.changes import FormerName, KeptNotice, Step
from parking_gateway.store.gateways import KnownGateway
from parking_gateway.store.plans import Plan, Position

Message = TypeVar("Message", bound=msgspec.Struct)


class BoardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The floor plan of a zone. Places on it are in its units, from the upper left corner."""

    url: str
    width: float
    height: float


class BoardSpace(SpaceMessage, frozen=True, kw_only=True, gc=False):
    """A space, and where it is."""

    id: SpaceId
    """Another one where another space has got the name."""
    position: Position | None = None


class BoardZone(CountsMessage, frozen=True, kw_only=True):
    """The counts of a zone, and its floor plan."""

    plan: BoardPlan | None = None


class BoardNotice(NoticeMessage, frozen=True, kw_only=True):
    """A notice, and when it was over."""

    over_at: datetime | None = None


class BoardGateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway of this car park."""

    instance: str
    watched_at: datetime | None
    """When it was last there; null: never, or it is new."""
    health: HealthMessage | None
    """Null: it is another gateway than the one that serves the board."""


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A space that is there no more under this name. Another one may be."""

    kind: str = "space"
    id: SpaceId
    site: str
    zone: str
    space: str


def space_of(row: DueSpace, position: Position | None) -> BoardSpace:
    """A space for the board."""
    return _extended(BoardSpace, space_message(row), id=row.key, position=position)


def removed_of(row: FormerName) -> Removed:
    """A space that has lost a name."""
    return Removed(id=row.space, site=row.site, zone=row.zone, space=row.name)


def zone_of(row: DueCounts, plan: Plan | None) -> BoardZone:
    """A zone for the board."""
    return _extended(BoardZone, counts_message(row), plan=None if plan is None else _plan(row, plan))


def step_of(row: Step) -> TransitionMessage:
    """A step for the board."""
    return TransitionMessage(**row._asdict())


def notice_of(row: KeptNotice) -> BoardNotice:
    """A notice for the board."""
    return BoardNotice(
        id=row.id,
        kind=NoticeKind(row.kind),
        at=row.at,
        site=row.site,
        zone=row.zone,
        space=row.space,
        dev_eui=row.dev_eui,
        details=dict(row.details),
        over_at=row.over_at,
    )


def own_gateway(instance: str, health: HealthMessage) -> BoardGateway:
    """The gateway that serves the board."""
    return BoardGateway(instance=instance, watched_at=health.updated, health=health)


def other_gateways(rows: list[KnownGateway], instance: str) -> list[BoardGateway]:
    """All others."""
    return [
        BoardGateway(instance=row.instance, watched_at=row.watched_at, health=None)
        for row in rows
        if row.instance != instance
    ]


def _extended(kind: type[Message], message: msgspec.Struct, **more: Any) -> Message:
    return kind(**{name: getattr(message, name) for name in message.__struct_fields__}, **more)


def _plan(row: DueCounts, plan: Plan) -> BoardPlan:
    place = "/".join(quote(name, safe="") for name in (row.site, row.zone or ""))
    return BoardPlan(url=f"/board/plan/{place}/{plan.digest}", width=plan.width, height=plan.height)
