"""What a message of the network server turned out to be: an uplink, a device event, an event unknown to us, or a rejection.

Values only. They are msgspec structs because one of them is made for every message.
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
"""Of the payload of a message that is too large, so much is kept with its rejection."""


class DeviceIdentity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who sent it, in the words of the network server."""

    dev_eui: DevEui
    name: str = ""
    profile: str = ""
    application: str = ""
    tags: dict[str, str] = {}


class Uplink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One uplink as ChirpStack published it, heard by one or more gateways."""

    deduplication_id: UUID
    """One per uplink, however many gateways heard it; repeated when MQTT redelivers. Our trace id everywhere."""
    device: DeviceIdentity
    time: datetime
    """With the id, what names it: of the message's content alone, and nearly always `heard_at`. Nothing else uses it."""
    heard_at: datetime
    """When the network heard it, in UTC, as far as that can be believed. May go backwards between uplinks."""
    received_at: datetime
    """When we took it from the broker, in UTC."""
    f_cnt: int
    dev_addr: str | None = None
    """Names the session that the counter belongs to."""
    f_port: int
    """0 for frames without application payload."""
    data: bytes
    dr: int | None = None
    confirmed: bool = False
    rssi: int | None = None
    """dBm, of the gateway that heard it best; None when no gateway is named."""
    snr: float | None = None
    """dB, of the same gateway."""
    gateway_count: int = 0
    object: dict[str, Any] | None = None
    """What ChirpStack's own codec made of it, where the profile has one and it did not throw."""
    wrong_clock: WrongClock | None = None
    """What it claims of its time, where that is not believed."""


class EventKind(StrEnum):
    """Events about a device that are kept beside its uplinks."""

    JOIN = "join"
    STATUS = "status"
    LOG = "log"
    ACK = "ack"
    TXACK = "txack"
    LOCATION = "location"


class DeviceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the network server says of a device: it joined, its battery, a downlink's fate, an error."""

    kind: EventKind
    device: DeviceIdentity
    time: datetime
    """As ChirpStack has it."""
    heard_at: datetime
    """The same, as far as it can be believed."""
    received_at: datetime
    deduplication_id: UUID | None = None
    """The uplink it belongs to, where one is named (`log` names it in its context)."""
    level: str | None = None
    """Of a `log`: INFO, WARNING or ERROR."""
    code: str | None = None
    """Of a `log`: ChirpStack's word, such as UPLINK_CODEC."""
    description: str | None = None
    battery_percent: float | None = None
    """Of a `status`: 0 to 100; None on external power or when the device cannot tell."""
    external_power: bool | None = None
    margin_db: int | None = None
    """Of a `status`: demodulation margin of the last request, -32 to 31 dB."""
    details: dict[str, Any] = {}
    """What else it carries, as JSON values: downlink ids, acknowledged, gateway, location, device address."""
    wrong_clock: WrongClock | None = None


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that this version does not know, or a message without a byte. Counted, acknowledged, not kept."""

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
    """The codec says that the frame does not follow the device's format."""
    CODEC_FAILED = "codec_failed"
    """The codec itself broke."""
    CODEC_OUT_OF_TIME = "codec_out_of_time"
    """The codec, a guest, has used up the time that it is allowed: it was not asked, and can be asked again."""
    CODEC_NOT_FOUND = "codec_not_found"
    """A tag names a codec or an option that does not exist."""
    GATEWAY_FAILED = "gateway_failed"
    """The gateway itself broke on it: a bug, or an error of PostgreSQL that nobody foresaw."""


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
    """A rejected message with all that is known of it."""

    rejection: Rejection
    topic: str
    payload: bytes
    received_at: datetime
    is_redelivered: bool
    """Whether the broker marked it as sent before: only then may it be on record already."""
    dev_eui: DevEui | None = None
    deduplication_id: UUID | None = None
    digest: UUID | None = None
    """Of topic and payload, if this is only the beginning of the payload."""
