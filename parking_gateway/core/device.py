"""What is known of a device, and which of its uplinks are worth a word about it. Pure.

When and how a device was heard stands in its uplinks. Beside them one row says what it is and what it last said of itself,
and that row is published: it is written when something of it changed, and else once in a while.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from decoders import Reading
from parking_gateway.core.clocks import compare
from parking_gateway.core.events import DevEui, Uplink

NO_READING: Final = Reading()
_SAID: Final = ("codec", "battery_percent", "fault", "tamper")
"""What not every uplink says."""


class DeviceReading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device's uplink and, where a codec read it, what the device said of itself."""

    uplink: Uplink
    codec: str | None = None
    reading: Reading = NO_READING

    @property
    def battery_percent(self) -> int | None:
        """As it is kept: a whole number."""
        said = self.reading.battery_percent
        return None if said is None else round(said)


class Snapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was last told of a device: what its next uplink is compared with."""

    heard_at: datetime
    """When the device was heard that said it."""
    name: str
    profile: str
    application: str
    tags: dict[str, str]
    codec: str | None
    battery_percent: int | None
    fault: str | None
    tamper: bool | None
    dev_addr: str | None = None
    """Of the frame that said it, as its counter."""
    f_cnt: int = 0


def news(
    heard: Iterable[DeviceReading], told: Mapping[DevEui, Snapshot], *, every: timedelta
) -> tuple[list[DeviceReading], dict[DevEui, Snapshot]]:
    """Those that are worth a word, in their order, and what is told of their devices by it.

    An uplink is kept if the device is new, if a published field changed, or if nothing was published for `every`; then also
    the device's later uplinks, because its row has the last values. Uplinks older than the last published one are skipped.
    """
    worth: list[DeviceReading] = []
    now: dict[DevEui, Snapshot] = {}
    for one in heard:
        uplink = one.uplink
        dev_eui = uplink.device.dev_eui
        before = now.get(dev_eui, told.get(dev_eui))
        if before is not None:
            is_recent = uplink.heard_at - before.heard_at < every
            if is_recent and dev_eui not in now and not _is_other(one, before):
                continue
            if compare(uplink, before) < 0:
                continue
        worth.append(one)
        now[dev_eui] = _after(one, before)
    return worth, now


def _is_other(heard: DeviceReading, told: Snapshot) -> bool:
    identity, reading = heard.uplink.device, heard.reading
    return (
        identity.name != told.name
        or identity.profile != told.profile
        or identity.application != told.application
        or identity.tags != told.tags
        or heard.codec not in (None, told.codec)
        or reading.fault not in (None, told.fault)
        or reading.tamper not in (None, told.tamper)
        or heard.battery_percent not in (None, told.battery_percent)
    )


def _after(heard: DeviceReading, before: Snapshot | None) -> Snapshot:
    identity, reading = heard.uplink.device, heard.reading
    told = Snapshot(
        heard_at=heard.uplink.heard_at,
        name=identity.name,
        profile=identity.profile,
        application=identity.application,
        tags=identity.tags,
        codec=heard.codec,
        battery_percent=heard.battery_percent,
        fault=reading.fault,
        tamper=reading.tamper,
        dev_addr=heard.uplink.dev_addr,
        f_cnt=heard.uplink.f_cnt,
    )
    # What an uplink does not say stays as it was.
    unsaid = {name: getattr(before, name) for name in _SAID if getattr(told, name) is None} if before else {}
    return msgspec.structs.replace(told, **unsaid)
