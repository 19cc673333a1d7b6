"""The values that messages of the network server become: uplinks, device events, unknown events, and rejections.

They are msgspec structs, because one of them is made for every message.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NewType
from uuid import UUID

import msgspec

from parking_gateway.core.clocks import WrongClock

DevEui = NewType("DevEui", str)
"""A device's EUI-64 as 16 lower-case hexadecimal digits, so that it compares the same however it was written."""


KEPT_BYTES: Final = 4096
"""The beginning of a payload that is kept with a rejection as too large."""


class DeviceIdentity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device as the network server names it."""

    dev_eui: DevEui
    name: str = ""
    profile: str = ""
    application: str = ""
    application_id: str = ""
    """As in the topics of the network server. Empty: a reader of rows does not need it."""
    tags: dict[str, str] = {}


class Uplink(msgspec.Struct, frozen=True, gc=False):
    """One uplink as ChirpStack published it, heard by one or more gateways."""

    deduplication_id: UUID
    """One for each uplink, however many LoRaWAN gateways received it; MQTT redelivers it unchanged. Our trace id everywhere."""
    device: DeviceIdentity
    time: datetime
    """The key of the uplink together with the id. It depends on the content only, and is nearly always `heard_at`."""
    heard_at: datetime
    """When the network heard it, in UTC, corrected by `clocks.when`. It can go backwards between uplinks."""
    received_at: datetime
    """When the gateway took it from the broker, in UTC."""
    f_cnt: int
    f_port: int
    """0 for frames without application payload."""
    data: bytes
    dev_addr: str | None = None
    """Session of the counter."""
    dr: int | None = None
    confirmed: bool = False
    rssi: int | None = None
    """dBm, of the LoRaWAN gateway with the best reception; None: no gateway is named."""
    snr: float | None = None
    """dB, of the same gateway."""
    gateway_count: int = 0
    object: dict[str, Any] | None = None
    """The result of ChirpStack's own codec, if the profile has one and it did not throw."""
    wrong_clock: WrongClock | None = None
    """The time that it claims, if that is not believed."""


class EventKind(StrEnum):
    """Events about a device that are kept beside its uplinks."""

    JOIN = "join"
    STATUS = "status"
    LOG = "log"
    ACK = "ack"
    TXACK = "txack"
    LOCATION = "location"


class DeviceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the network server about a device: a join, a battery level, the result of a downlink, an error."""

    kind: EventKind
    device: DeviceIdentity
    time: datetime
    """As ChirpStack has it."""
    heard_at: datetime
    """`time`, corrected by `clocks.when`."""
    received_at: datetime
    deduplication_id: UUID | None = None
    """Its uplink, if the event names one (`log` names it in its context)."""
    level: str | None = None
    """Of a `log`: INFO, WARNING or ERROR."""
    code: str | None = None
    """Of a `log`: ChirpStack's code, such as UPLINK_CODEC."""
    description: str | None = None
    battery_percent: float | None = None
    """Of a `status`: 0 to 100; None: external power, or the device cannot measure it."""
    external_power: bool | None = None
    margin_db: int | None = None
    """Of a `status`: demodulation margin of the last request, -32 to 31 dB."""
    details: dict[str, Any] = {}
    """Other fields as JSON values: downlink ids, acknowledged, gateway, location, device address."""
    wrong_clock: WrongClock | None = None


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that this version does not know, or an empty message. It is counted and acknowledged, and not kept."""

    name: str


class Reason(StrEnum):
    """Why a message is rejected. The list is closed; the detail says more."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    MALFORMED = "malformed"
    """Neither JSON nor protobuf of the event that its topic names."""
    INVALID = "invalid"
    """Well-formed, but a field is missing or impossible."""
    CHIRPSTACK_V3 = "chirpstack_v3"
    PROTOBUF_NOT_INSTALLED = "protobuf_not_installed"
    UNDECODABLE = "undecodable"
    """The codec refused the frame: it does not follow the device's format."""
    CODEC_FAILED = "codec_failed"
    """The codec itself broke."""
    CODEC_OUT_OF_TIME = "codec_out_of_time"
    """The codec is a guest and has used up its time. The frame can be read again later."""
    CODEC_NOT_FOUND = "codec_not_found"
    """A tag names a codec or an option that does not exist."""
    TOO_MANY_DEVICES = "too_many_devices"
    """Its device has no row, and too many devices were new within an hour."""
    GATEWAY_FAILED = "gateway_failed"
    """The gateway itself failed on it: a bug, or an unforeseen error of PostgreSQL."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message is rejected: one row, one warning, one metric."""

    reason: Reason
    detail: str
    """One sentence for the person who looks at the row."""


class EventMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A device event with the message that carried it."""

    event: DeviceEvent
    topic: str
    payload: bytes


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected message, with its device if it could be read so far."""

    rejection: Rejection
    topic: str
    payload: bytes
    received_at: datetime
    is_redelivered: bool
    """Whether the broker marked it as sent before. Only then it can be recorded already."""
    dev_eui: DevEui | None = None
    deduplication_id: UUID | None = None
    digest: UUID | None = None
    """Of topic and payload, if this is not the whole payload."""
    is_cut: bool = False
    """Whether its payload is left out, because too many bytes were rejected within an hour."""
