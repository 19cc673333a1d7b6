"""A device's readings, and which of them are kept in its row. Pure.

Every uplink is recorded. Beside the uplinks, one row for each device holds what it is and its last values, and is published. The
row is written when a published field changed, and else once in a while.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from typing_extensions import override

from decoders import Reading
from parking_gateway.core.clocks import STEP, compare
from parking_gateway.core.events import DevEui, Rejection, Uplink

NO_READING: Final = Reading()
_BEHIND: Final = -STEP
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_EVERY_UPLINK: Final = ("codec", "battery_percent", "fault", "tamper")


class CodecIdentity(NamedTuple):
    """Which code reads a frame: the name of a codec, and its version."""

    name: str
    version: str

    @override
    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class DeviceReading(msgspec.Struct, frozen=True, gc=False):
    """An uplink with what its codec read in it."""

    uplink: Uplink
    codec: str | None = None
    """None: the device has no installation, or nobody chose a codec for it."""
    reading: Reading = NO_READING
    rejection: Rejection | None = None
    """Why the codec read nothing. The device is live all the same."""
    read_by: CodecIdentity | None = None
    """The codec with its version. None: no codec looked at the frame."""

    @property
    def battery_percent(self) -> int | None:
        """As it is kept: a whole number."""
        percent = self.reading.battery_percent
        return None if percent is None else round(percent)


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The published fields of a device as they were last recorded. Its next uplink is compared with them."""

    heard_at: datetime
    """When the uplink with these fields was heard."""
    name: str
    profile: str
    application: str
    tags: dict[str, str]
    codec: str | None
    battery_percent: int | None
    fault: str | None
    tamper: bool | None
    dev_addr: str | None = None
    """Session of that uplink, as its counter."""
    f_cnt: int = 0


def kept(
    readings: Iterable[DeviceReading], snapshots: Mapping[DevEui, Snapshot], *, every: timedelta
) -> tuple[list[DeviceReading], dict[DevEui, Snapshot]]:
    """The readings that a device's row is written with, in their order, and the snapshots afterwards of these devices.

    An uplink is kept if the device is new, if a published field changed, or if nothing was recorded for `every`; then also the
    device's later uplinks, because its row has the last values. Uplinks older than the last recorded one are skipped.
    """
    found: list[DeviceReading] = []
    after: dict[DevEui, Snapshot] = {}
    for one in readings:
        uplink = one.uplink
        dev_eui = uplink.device.dev_eui
        before = after.get(dev_eui, snapshots.get(dev_eui))
        if before is not None:
            is_recent = _BEHIND < uplink.heard_at - before.heard_at < every
            if is_recent and dev_eui not in after and not _differs(one, before):
                continue
            # A snapshot that is dated after its receipt was dated by a wrong clock.
            if compare(uplink, before) < 0 and before.heard_at - uplink.received_at <= STEP:
                continue
        found.append(one)
        after[dev_eui] = _after(one, before)
    return found, after


def due_again(snapshots: Mapping[DevEui, Snapshot], devices: Collection[DevEui]) -> Mapping[DevEui, Snapshot]:
    """The snapshots with which the next uplink of each of these devices is kept, because all that they report is published."""
    found = {one: snapshots[one] for one in devices if one in snapshots}
    return {**snapshots, **{key: msgspec.structs.replace(one, heard_at=_LONG_AGO) for key, one in found.items()}}


def _differs(one: DeviceReading, snapshot: Snapshot) -> bool:
    identity, reading = one.uplink.device, one.reading
    return (
        identity.name != snapshot.name
        or identity.profile != snapshot.profile
        or identity.application != snapshot.application
        or identity.tags != snapshot.tags
        or one.codec not in (None, snapshot.codec)
        or reading.fault not in (None, snapshot.fault)
        or reading.tamper not in (None, snapshot.tamper)
        or one.battery_percent not in (None, snapshot.battery_percent)
    )


def _after(one: DeviceReading, before: Snapshot | None) -> Snapshot:
    identity, reading = one.uplink.device, one.reading
    snapshot = Snapshot(
        heard_at=one.uplink.heard_at,
        name=identity.name,
        profile=identity.profile,
        application=identity.application,
        tags=identity.tags,
        codec=one.codec,
        battery_percent=one.battery_percent,
        fault=reading.fault,
        tamper=reading.tamper,
        dev_addr=one.uplink.dev_addr,
        f_cnt=one.uplink.f_cnt,
    )
    # A field that the uplink does not have keeps its value.
    absent = [name for name in _NOT_IN_EVERY_UPLINK if getattr(snapshot, name) is None] if before else []
    return msgspec.structs.replace(snapshot, **{name: getattr(before, name) for name in absent})
