"""From a row that is due to its publications. A row may have several: `RENDERERS` has one entry for each vocabulary."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from parking_gateway.contract.messages import (
    AudienceCounts,
    ChannelMessage,
    CountsMessage,
    DeviceMessage,
    DownlinkStatus,
    SpaceMessage,
    TransitionMessage,
    publication,
)
from parking_gateway.contract.publication import Publication
from parking_gateway.core.downlink import Status
from parking_gateway.core.due import Due, DueCounts, DueDevice, DueSpace, DueStep
from parking_gateway.core.installation import ENDLESS

Renderer = Callable[[str, Due], Sequence[Publication]]
"""Given the root of our topics and a row, returns the row's publications in one vocabulary, in their order."""


def rendered(root: str, rows: Iterable[Due]) -> list[Publication]:
    """All publications of these rows. A row is confirmed once the broker has confirmed every one of its publications."""
    return [one for row in rows for render in RENDERERS for one in render(root, row)]


def version_1(root: str, row: Due) -> Sequence[Publication]:
    """The messages of our own contract: the steps of a space before its state."""
    if isinstance(row, DueSpace):
        if not row.steps:
            return (publication(root, space_message(row)),)
        return [
            *(publication(root, step_message(row, step)) for step in row.steps),
            publication(root, space_message(row)),
        ]
    return (publication(root, device_message(row) if isinstance(row, DueDevice) else counts_message(row)),)


RENDERERS: Final[tuple[Renderer, ...]] = (version_1,)


def space_message(row: DueSpace) -> SpaceMessage:
    """The state of a space."""
    return SpaceMessage(
        site=row.site,
        zone=row.zone,
        space=row.space,
        state=row.state,
        since=row.since,
        previous=row.previous,
        occupancy=row.occupancy,
        contact=row.contact,
        reserved_until=row.reserved_until,
        reservation=row.reservation,
        pending=row.is_pending,
        audience=row.audience,
        overstay=row.is_overstay,
        maintenance_reason=row.maintenance_reason,
        maintenance_until=row.maintenance_until,
        battery_percent=row.battery_percent,
        version=row.version,
        cause=row.cause,
        updated=row.updated_at,
    )


def step_message(row: DueSpace, step: DueStep) -> TransitionMessage:
    """One step of a space's log."""
    return TransitionMessage(
        id=step.id,
        site=row.site,
        zone=row.zone,
        space=row.space,
        before=step.before,
        after=step.after,
        at=step.at,
        cause=step.cause,
        corrects=step.corrects,
        withdrawn=step.is_withdrawn,
    )


def device_message(row: DueDevice) -> DeviceMessage:
    """The health of a device."""
    return DeviceMessage(
        dev_eui=row.key,
        name=row.name,
        contact=row.contact,
        last_heard=row.heard_at,
        battery_percent=row.battery_percent,
        battery_volts=row.battery_volts,
        rssi=row.rssi,
        snr=row.snr,
        codec=row.codec,
        distance_mm=row.distance_mm,
        temperature_celsius=row.temperature_celsius,
        counter=row.counter,
        counter_in=row.counter_in,
        counter_out=row.counter_out,
        confidence=row.confidence,
        channels=None if row.channels is None else msgspec.convert(row.channels, dict[str, ChannelMessage]),
        fault=row.fault,
        tamper=row.tamper,
        problem=row.problems[0] if row.problems else None,
        problems=row.problems,
        uplinks_lost=row.uplinks_lost,
        downlink=None if row.downlink is None else _downlink(row.downlink),
        observe=True if row.observe_left == ENDLESS else row.observe_left,
        observed=row.observed,
        site=row.site,
        zone=row.zone,
        space=row.space,
    )


def _downlink(status: Status) -> DownlinkStatus:
    return DownlinkStatus(
        id=str(status.id),
        purpose=status.purpose,
        state=status.state,
        acknowledged=status.acknowledged,
        wished=status.wished,
        by=status.by,
        detail=status.detail,
    )


def counts_message(row: DueCounts) -> CountsMessage:
    """The counts of a zone or site."""
    return CountsMessage(
        site=row.site,
        zone=UNSET if row.zone is None else row.zone,
        total=row.total,
        free=row.free,
        occupied=row.occupied,
        reserved=row.reserved,
        maintenance=row.maintenance,
        unreachable=row.unreachable,
        occupancy=row.occupied / row.total if row.total else 0.0,
        capacity=row.total,
        source=UNSET if row.drift is None else "counter",
        drift=UNSET if row.drift is None else row.drift,
        audiences={name: AudienceCounts(total=total, free=free) for name, (total, free) in row.audiences.items()},
    )
