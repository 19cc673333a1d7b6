"""Verbs that take spaces out of service and back: one space, a zone, or a site.

An order about many spaces is one statement for all of them. Uplinks are recorded meanwhile, and count when maintenance ends.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from parking_gateway.core.causes import ServiceOrder
from parking_gateway.core.committed import committed_by
from parking_gateway.core.space import Service, Space, SpaceId, after_last_order
from parking_gateway.core.turn import turn
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSite, OfSpace, OfZone, spaces_of
from parking_gateway.requests.verbs import verb
from parking_gateway.store import spaces, turns

On = Annotated[bool, msgspec.Meta(description="True: out of service. False: back in service.")]
Reason = Annotated[str, msgspec.Meta(max_length=500, description="Why the space is out of service; published.")]
Until = Annotated[
    datetime, msgspec.Meta(tz=True, description="The planned end, RFC 3339 with a time zone. Left out: there is none.")
]


class SpaceMaintenance(OfSpace, frozen=True, kw_only=True):
    """Take a space out of service, or back."""

    on: On
    reason: Reason | None = None
    until: Until | None = None


class ZoneMaintenance(OfZone, frozen=True, kw_only=True):
    """Take all spaces of a zone out of service, or back."""

    on: On
    reason: Reason | None = None
    until: Until | None = None


class SiteMaintenance(OfSite, frozen=True, kw_only=True):
    """Take all spaces of a site out of service, or back."""

    on: On
    reason: Reason | None = None
    until: Until | None = None


Order = SpaceMaintenance | ZoneMaintenance | SiteMaintenance


@verb("space/maintenance", SpaceMaintenance)
async def of_space(desk: Desk, asked: SpaceMaintenance) -> Answer | Refusal:
    """Take a space out of service, or back."""
    return await _carry_out(desk, asked)


@verb("zone/maintenance", ZoneMaintenance)
async def of_zone(desk: Desk, asked: ZoneMaintenance) -> Answer | Refusal:
    """Take all spaces of a zone out of service, or back."""
    return await _carry_out(desk, asked)


@verb("site/maintenance", SiteMaintenance)
async def of_site(desk: Desk, asked: SiteMaintenance) -> Answer | Refusal:
    """Take all spaces of a site out of service, or back."""
    return await _carry_out(desk, asked)


async def _carry_out(desk: Desk, order: Order) -> Answer | Refusal:
    if order.until is not None and not order.on:
        return Refusal(
            Code.INVALID, "until is the planned end of maintenance: leave it out to put places back in service"
        )
    if order.until is not None and order.until <= desk.now:
        return Refusal(Code.INVALID, "until has to be in the future")
    ids = await spaces_of(desk, order)
    if isinstance(ids, Refusal):
        return ids
    (locked,) = await desk.connection.together(spaces.lock_by_id(ids))
    made = turn(locked.spaces, _orders(locked.spaces.values(), order, desk))
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return Answer(
        {"spaces": len(locked.spaces), "changed": len(made.changed)},
        committed_by(made),
    )


def _orders(concerned: Iterable[Space], order: Order, desk: Desk) -> list[tuple[SpaceId, ServiceOrder]]:
    service = Service.MAINTENANCE if order.on else Service.IN_SERVICE
    return [
        (
            one.id,
            ServiceOrder(
                service=service,
                at=after_last_order(one, desk.now),
                by=desk.cause("maintenance"),
                reason=order.reason,
                until=order.until,
            ),
        )
        for one in concerned
    ]
