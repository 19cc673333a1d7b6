"""Uplinks of an archive, which retention wrote before it dropped their month. They are replayed as if they were stored."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.store.archive_file import ArchiveFailed, rows_of
from parking_gateway.store.fleet import HistoryPlace


class ArchivedUplink(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `uplink` as PostgreSQL writes it in JSON, without the time that the message claims."""

    deduplication_id: UUID
    dev_eui: DevEui
    heard_at: datetime
    received_at: datetime
    f_cnt: int
    f_port: int
    data: str
    """As hexadecimal digits behind a backslash and an x."""
    dev_addr: str | None
    dr: int | None
    confirmed: bool
    rssi: int | None
    snr: float | None
    gateway_count: int
    object: dict[str, Any] | None
    codec: str | None = None
    """The codec that read it, with its version."""


Archived = Mapping[DevEui, Sequence[ArchivedUplink]]
"""The uplinks of devices, each in the order in which they were heard."""


def read(path: Path, devices: Collection[DevEui]) -> Archived:
    """The uplinks of these devices in an archive. Raises ArchiveFailed if it is none of uplinks."""
    found: dict[DevEui, list[ArchivedUplink]] = {}
    try:
        for row in rows_of(path):
            if row.get("dev_eui") in devices:
                one = msgspec.convert(row, ArchivedUplink)
                found.setdefault(one.dev_eui, []).append(one)
    except msgspec.ValidationError as error:
        raise ArchiveFailed(f"{path} is no archive of uplinks: {error}") from error
    return {dev_eui: sorted(sent, key=_place) for dev_eui, sent in found.items()}


def page(
    archived: Archived,
    devices: Sequence[DeviceIdentity],
    *,
    after: Mapping[DevEui, HistoryPlace],
    until: datetime | None,
    limit: int,
) -> dict[DevEui, list[Uplink]]:
    """The first `limit` uplinks of each device behind its place and before `until`, as `fleet.stored_uplinks` has them."""
    pages = {}
    for device in devices:
        behind = [
            one
            for one in archived.get(device.dev_eui, ())
            if _place(one) > after[device.dev_eui] and (until is None or one.heard_at < until)
        ]
        if behind:
            # One instant can have several frames: by counter, as in the database.
            pages[device.dev_eui] = sorted(
                (as_uplink(one, device) for one in behind[:limit]), key=lambda one: (one.heard_at, one.f_cnt)
            )
    return pages


def _place(one: ArchivedUplink) -> HistoryPlace:
    return HistoryPlace(one.heard_at, one.deduplication_id)


def as_uplink(one: ArchivedUplink, device: DeviceIdentity) -> Uplink:
    """The uplink of a row."""
    fields = msgspec.structs.asdict(one)
    del fields["dev_eui"], fields["codec"]
    fields["data"] = bytes.fromhex(one.data.removeprefix("\\x"))
    fields["heard_at"] = fields["time"] = one.heard_at.astimezone(UTC)
    fields["received_at"] = one.received_at.astimezone(UTC)
    return Uplink(device=device, **fields)
