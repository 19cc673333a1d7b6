"""Events that ChirpStack has stored, as its API has them. Pure.

ChirpStack keeps them in Redis as protobuf and writes JSON at each call, as its MQTT integration does. But it writes maps, such as
the tags, in another order each time. So the same event has other bytes, and only its content recognises it.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from parking_gateway.chirpstack.events import EVENTS

UP: Final = "up"
"""The description of an uplink."""
KINDS: Final = frozenset(EVENTS)
"""The descriptions of all events: the last levels of their topics."""
_UNKNOWN: Final = "unknown"


class _Info(msgspec.Struct, rename="camel"):
    application_id: str = _UNKNOWN


class _Event(msgspec.Struct, rename="camel"):
    device_info: _Info = msgspec.field(default_factory=_Info)


_decode = msgspec.json.Decoder(_Event).decode


def topic_of(body: bytes, dev_eui: str, kind: str) -> str:
    """The topic on which MQTT carries the event with this body. A body that is no event gets one too, and is rejected."""
    try:
        application = _decode(body).device_info.application_id
    except msgspec.MsgspecError:
        application = _UNKNOWN
    return f"application/{application.replace('/', '_') or _UNKNOWN}/device/{dev_eui}/event/{kind}"


def stored_at(item: str) -> datetime | None:
    """When the event was stored, by the clock of ChirpStack's Redis: its id is milliseconds and a number.

    The time within the event is by the clock of a LoRaWAN gateway, which may be wrong. None: the id is another one.
    """
    milliseconds, _, _ = item.partition("-")
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
