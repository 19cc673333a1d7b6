"""The messages of a gateway about itself, and their topics."""

from typing import Final, Literal, assert_never

import msgspec

from parking_gateway.contract.messages import Count, Instant
from parking_gateway.contract.publication import Publication


class GatewayMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Birth and will of a gateway. Topic: {root}/gateways/{instance}, retained."""

    status: Literal["online", "offline"]
    since: Instant
    """When the gateway's process started: the same in birth and will."""


class JournalMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Events that are acknowledged and not recorded, because the database took nothing when they came."""

    rows: Count = 0
    bytes: Count = 0
    oldest: Instant | None = None
    """When the oldest of them was received."""
    dropped: Count = 0
    """Since the start: uplinks of QoS 0 that were dropped because the journal was full."""


class HealthMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The health of a gateway. Topic: {root}/gateways/{instance}/health, retained."""

    version: str
    uptime_seconds: Count
    uplinks: Count
    """Recorded since the start."""
    uplinks_per_second: float
    """Over the last interval."""
    duplicates: Count
    rejections: Count
    transitions: Count
    published: Count
    inbox: Count
    """Received messages that are in no batch yet."""
    outbox: Count
    """Publications that the broker has not confirmed yet."""
    lag_seconds: float
    """Seconds from when the last uplink was heard to its commit."""
    database: Literal["up", "down"]
    """Down while any work on it fails."""
    broker: Literal["up", "down"]
    broker_address: str | None = None
    """Host and port of the broker that is connected, one of those of `mqtt.url`."""
    problems: list[str]
    """What an administrator has to do, a sentence for each problem."""
    updated: Instant
    ready: bool = True
    """As /readyz says."""
    missing: list[str] = []
    """What the gateway has to have for its work and lacks: `broker`, `database`, `intake`."""
    why: list[str] = []
    """A sentence for each that is missing."""
    database_since: Instant | None = None
    """When `database` last changed."""
    oldest_event_seconds: float = 0.0
    """The age of the oldest event that is not acknowledged, since its receipt."""
    events_at_qos_0: Count = 0
    """Since the start: events that the broker does not keep while the gateway is away."""
    dropped: Count = 0
    """Since the start: events of QoS 0 that were dropped because the inbox was full."""
    unassigned: Count = 0
    """Since the start: uplinks of devices that watch no space."""
    without_codec: Count = 0
    """Since the start: uplinks of installed devices that no codec reads."""
    lost: Count = 0
    """Since the start: uplinks that are missing by their frame counters."""
    healed: Count = 0
    """Since the start: uplinks that were missing by their frame counters and have come."""
    journal: JournalMessage = JournalMessage()
    """Empty while the database takes every event at once."""


class MarkerMessage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last message of a gateway's page of publications. Topic: {root}/gateways/{instance}/marker, retained."""

    number: Count
    """Grows with every page of this gateway. If the retained one is smaller, the broker went back to an older state."""


AboutGateway = GatewayMessage | HealthMessage | MarkerMessage

_encode: Final = msgspec.json.Encoder().encode
_decode_marker: Final = msgspec.json.Decoder(MarkerMessage).decode


def gateway_publication(root: str, instance: str, message: AboutGateway) -> Publication:
    """A gateway's message about itself, on its topic below `root`."""
    match message:
        case GatewayMessage():
            topic = gateway_topic(root, instance)
        case HealthMessage():
            topic = f"{gateway_topic(root, instance)}/health"
        case MarkerMessage():
            topic = marker_topic(root, instance)
        case _:
            assert_never(message)
    return Publication(topic=topic, payload=_encode(message), retain=True)


def gateway_topic(root: str, instance: str) -> str:
    """The topic of birth and will; a gateway's other topics are below it."""
    return f"{root}/gateways/{instance}"


def marker_topic(root: str, instance: str) -> str:
    """The topic of a gateway's marker."""
    return f"{gateway_topic(root, instance)}/marker"


def number_of(marker: bytes) -> int:
    """The number in the payload of a marker; 0 if the payload is not a marker."""
    try:
        return _decode_marker(marker).number
    except msgspec.MsgspecError:
        return 0
