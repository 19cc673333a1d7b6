"""The uplink, ChirpStack's `up` event, as a struct with the fields that the gateway needs, and its device.

Names, types and defaults are as in `events`.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from parking_gateway.chirpstack.receivers import wrong_clock_of
from parking_gateway.chirpstack.reception import AwareTime, Reception, newest_server_time, signal
from parking_gateway.core import clocks
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.core.printable import shortened
from parking_gateway.core.utc import in_utc

Eui64 = Annotated[str, Meta(pattern=r"\A[0-9a-fA-F]{16}\Z")]
DIGITS_OF_DEV_ADDR: Final = 8
DevAddr = Annotated[str, Meta(min_length=DIGITS_OF_DEV_ADDR, max_length=DIGITS_OF_DEV_ADDR)]
"""The device address, which names a session."""
Unsigned32 = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
HIGHEST_F_PORT: Final = 255
FPort = Annotated[int, Meta(ge=0, le=HIGHEST_F_PORT)]
LONG: Final = 8192
"""Bytes. In a longer event, lists and objects are counted before its `object` is read."""
MANY: Final = 4096
"""Lists and objects in one event. ChirpStack itself makes about 20, and 2 for each LoRaWAN gateway; a codec makes few."""
HIGHEST_DATA_RATE: Final = 15
_LONGEST_NAME: Final = 200
"""Characters. ChirpStack's names have at most 100. A forged event must not make a retained message of any length."""


class DeviceInfo(Struct, rename="camel", gc=False):
    """The device of an event. In `txack` the tags are always empty."""

    dev_eui: Eui64
    device_name: str = ""
    device_profile_name: str = ""
    application_name: str = ""
    application_id: str = ""
    tags: dict[str, str] = {}

    def identity(self) -> DeviceIdentity:
        """Convert to our own value."""
        name, profile, application = self.device_name, self.device_profile_name, self.application_name
        if len(name) + len(profile) + len(application) > _LONGEST_NAME:
            name, profile, application = (shortened(one, _LONGEST_NAME) for one in (name, profile, application))
        return DeviceIdentity(
            dev_eui=DevEui(self.dev_eui.lower()),
            name=name,
            profile=profile,
            application=application,
            application_id=shortened(self.application_id, _LONGEST_NAME),
            tags=self.tags,
        )


class Sender(Struct, rename="camel"):
    """The device within an event, so that an error message names the path `$.deviceInfo`."""

    device_info: DeviceInfo


class Up(Struct, rename="camel", gc=False):
    """An uplink. Also a frame that carries MAC commands only."""

    deduplication_id: UUID
    time: AwareTime
    device_info: DeviceInfo
    dev_addr: DevAddr | None = None
    f_cnt: Unsigned32 = 0
    f_port: FPort = 0
    data: bytes = b""
    dr: int | None = 0
    confirmed: bool = False
    object: dict[str, Any] | None = None
    rx_info: list[Reception] = []

    def identity(self) -> DeviceIdentity:
        """Return the device."""
        return self.device_info.identity()

    def uplink(self, payload: bytes, time: datetime, received_at: datetime, reach: timedelta) -> Uplink:
        """Convert to our own value, with the signal at the LoRaWAN gateway that received it best."""
        receptions = self.rx_info
        rssi, snr, gateway_count = signal(receptions)
        server_time = receptions[0].ns_time if len(receptions) == 1 else newest_server_time(receptions)
        key = heard_at = time
        if server_time is None or not (clocks.agree(time, server_time) and clocks.was_just_now(time, received_at)):
            server_time = server_time and in_utc(server_time)
            key, heard_at = clocks.when(time, server_time, received_at, reach=reach)
        # By position, because so many names in a call take 0.3 µs.
        return Uplink(
            self.deduplication_id,
            self.identity(),
            key,
            heard_at,
            received_at,
            self.f_cnt,
            self.f_port,
            self.data,
            self.dev_addr,
            self.dr if self.dr is not None and 0 <= self.dr <= HIGHEST_DATA_RATE else None,
            self.confirmed,
            rssi,
            snr,
            gateway_count,
            self.object,
            None if heard_at is time else wrong_clock_of(time, payload),
        )
