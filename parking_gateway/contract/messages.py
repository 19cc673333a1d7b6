"""The messages of the public contract, version 1, and their topics. `schemas/` is generated from these structs.

`gateways` has the messages of a gateway about itself, and `outgoing` those that are published once.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from decoders import Occupancy
from parking_gateway.contract.publication import Publication
from parking_gateway.core.audience import Audience
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact, SpaceState

Instant = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, UTC.")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Name = Annotated[str, msgspec.Meta(pattern="^[^+#/]+$")]
"""One level of a topic."""


class SpaceMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of one space. Topic: {root}/spaces/{site}/{zone}/{space}, retained."""

    site: Name
    zone: Name
    space: Name
    state: SpaceState
    since: Instant
    """When the present state began."""
    previous: SpaceState | None
    occupancy: Literal["vacant", "occupied", "unknown"]
    """The sensor's last occupancy; unknown: there was none yet."""
    contact: Contact
    reserved_until: Instant | None
    reservation: str | None
    pending: bool = False
    """Whether the reservation waits for a parked car to leave. Such a space is OCCUPIED, and then RESERVED."""
    audience: Audience | None = None
    """For whom the space is; null: everybody."""
    overstay: bool = False
    """Whether the parked car stays for longer than it may, and nobody has acknowledged that."""
    maintenance_reason: str | None
    maintenance_until: Instant | None = None
    """The planned end of maintenance."""
    battery_percent: Percent | None
    version: Count
    """Grows with every published change; a message with a smaller one is older."""
    cause: str | None
    """The cause of the present state: an uplink's deduplication id, or the origin of a request."""
    updated: Instant


class AudienceCounts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The spaces of a zone or site that are for one audience."""

    total: Count
    free: Count


class CountsMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The spaces of a zone or site, counted by state. Topics: {root}/zones/{site}/{zone}, {root}/sites/{site}."""

    site: Name
    zone: Name | msgspec.UnsetType = msgspec.UNSET
    """Left out in the counts of a site."""
    total: Count
    free: Count
    occupied: Count
    reserved: Count
    maintenance: Count
    unreachable: Count
    """Spaces whose contact is `lost` or `never`; they also count under their state."""
    occupancy: Annotated[float, msgspec.Meta(ge=0, le=1)]
    """Occupied spaces divided by all, 0 to 1."""
    capacity: Count = 0
    """How many cars there is room for: one on each space, or as many as a counted zone holds."""
    source: Literal["counter"] | msgspec.UnsetType = msgspec.UNSET
    """counter: total, free and occupied come from counters at the entries and exits. Left out: from the spaces."""
    drift: int | msgspec.UnsetType = msgspec.UNSET
    """Cars that the bounds of a counted zone hide since its count was set: fewer than none (negative), or more than fit."""
    audiences: dict[Audience, AudienceCounts] = {}
    """The spaces that are for an audience, by its name."""


class TransitionMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of the log, published at least once. Topic: {root}/transitions/{site}/{zone}/{space}, not retained."""

    id: int
    """Identifies the step, because a subscriber may receive it twice."""
    site: Name
    zone: Name
    space: Name
    before: SpaceState = msgspec.field(name="from")
    after: SpaceState = msgspec.field(name="to")
    at: Instant
    cause: str
    corrects: int | None = None
    """The `id` of a step that was published and is wrong, because an uplink came late. This one replaces it."""
    withdrawn: bool = False
    """The step did not happen, and neither did the one that it corrects."""


class DownlinkStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the last downlink of a device has come."""

    id: str
    purpose: str
    """`show`: the picture of an indicator; `bytes`: bytes of a person; else the name of a command."""
    state: Literal["pending", "shown", "taken", "failed"]
    """pending: it waits or is under way; shown and taken: the device has it; failed: all attempts failed."""
    acknowledged: bool
    """Whether the device has confirmed it. If not, `shown` and `taken` mean that a LoRaWAN gateway has sent it."""
    wished: Instant
    by: str
    """Who wished it."""
    detail: str | None
    """Why the last attempt failed."""


class ChannelMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The last measurements of one sensor of a device. A field without a measurement is missing."""

    battery_volts: float | None = None
    temperature_celsius: float | None = None
    distance_mm: int | None = None
    counter: int | None = None
    counter_in: int | None = None
    counter_out: int | None = None
    confidence: float | None = None
    fault: str | None = None


class DeviceMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device's health. Topic: {root}/devices/{dev_eui}, retained."""

    dev_eui: str
    name: str
    contact: Contact
    last_heard: Instant | None
    battery_percent: Percent | None
    battery_volts: float | None
    rssi: int | None
    snr: float | None
    codec: str | None
    distance_mm: int | None = None
    temperature_celsius: float | None = None
    counter: int | None = None
    """Vehicles or changes, as the device counts them."""
    counter_in: int | None = None
    """Vehicles that drove in, in total since the counter began."""
    counter_out: int | None = None
    """Vehicles that drove out, in the same way."""
    confidence: float | None = None
    """How sure the sensor is of the occupancy, 0 to 1."""
    channels: dict[str, ChannelMessage] | None = None
    """The last measurements of a device with several sensors, by their numbers."""
    fault: str | None = None
    """What is wrong with the device, by its own report."""
    tamper: bool | None = None
    """Whether the device reports that it was tilted, opened or moved."""
    problem: Problem | None = None
    """The first of `problems`."""
    problems: list[Problem] = []
    """What is wrong with the device, the most severe first."""
    uplinks_lost: Count = 0
    """Uplinks of the last 31 days that are missing by their frame counters."""
    downlink: DownlinkStatus | None = None
    """Null: there was none."""
    observe: int | bool | None = None
    """For how many more uplinks the device is observed; true: until a person ends it; null: it decides its space."""
    observed: Occupancy | None = None
    """Of an observed device, the last occupancy that it would have set."""
    site: str | None
    zone: str | None
    space: str | None
    """Site, zone and space are null for a device that is not assigned. A counter has a zone and no space."""


class ErrorMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a request was not carried out."""

    code: str
    message: str
    """A sentence: what is wrong, and what to do."""


class ResponseMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reply to a request. Topic: the response topic of the request, else {root}/response/{verb}, not retained."""

    status: Literal["ok", "error"]
    data: Any | msgspec.UnsetType = msgspec.UNSET
    """The answer of the verb; left out in an error."""
    error: ErrorMessage | msgspec.UnsetType = msgspec.UNSET
    """Left out where the request was carried out."""
    transaction: str | int | msgspec.UnsetType = msgspec.UNSET
    """As in the request; left out if the request has none."""


CarParkMessage = SpaceMessage | CountsMessage | TransitionMessage | DeviceMessage

_encode: Final = msgspec.json.Encoder().encode


def publication(root: str, message: CarParkMessage) -> Publication:
    """The message on its topic below `root`."""
    return Publication(
        topic=_topic(root, message), payload=_encode(message), retain=not isinstance(message, TransitionMessage)
    )


def _topic(root: str, message: CarParkMessage) -> str:
    # Not `match`, which takes 0.3 µs longer.
    if isinstance(message, SpaceMessage):
        return f"{root}/spaces/{message.site}/{message.zone}/{message.space}"
    if isinstance(message, TransitionMessage):
        return f"{root}/transitions/{message.site}/{message.zone}/{message.space}"
    if isinstance(message, DeviceMessage):
        return f"{root}/devices/{message.dev_eui}"
    if message.zone is msgspec.UNSET:
        return f"{root}/sites/{message.site}"
    return f"{root}/zones/{message.site}/{message.zone}"


def kind_of(topic: str, *, root: str) -> str:
    """The first level of one of our topics below `root`, such as `spaces`."""
    return topic.removeprefix(f"{root}/").partition("/")[0]
