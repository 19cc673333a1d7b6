"""An event of ChirpStack that a person wants to have decoded: its frame, and its codec."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parking_gateway.cli.opened import bytes_of, decoder, fail

if TYPE_CHECKING:
    from decoders import Frame
    from parking_gateway.core.events import Uplink
    from parking_gateway.process.config import Config

_TOPIC = "application/event/up"
"""Its last level names the event."""


class DecodedEvent(NamedTuple):
    """A frame with the codec that reads it."""

    codec: str
    options: dict[str, str]
    frame: "Frame"


def of_event(file: Path, codec: str, options: dict[str, str], config: "Config") -> DecodedEvent:
    """The frame of the event in a file; `-` is standard input. Without a codec, it is that of the device. Else the command fails."""
    from decoders import Frame  # noqa: PLC0415 - heavy

    uplink = _uplink(sys.stdin.buffer.read() if str(file) == "-" else bytes_of(file), config)
    if uplink.f_port == 0:
        fail("The event has no fPort: it carries MAC commands or nothing, and is not decoded.")
    frame = Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.heard_at, object=uplink.object)
    if codec:
        return DecodedEvent(codec, options, frame)
    if tag := uplink.device.tags.get("codec"):
        return DecodedEvent(tag, options, frame)
    choice = decoder(config).profiles.get(uplink.device.profile)
    if choice is None:
        fail(
            f"Nobody has chosen a codec: the device has no tag `codec`, and decoders.profiles has no {uplink.device.profile!r}."
            " Name one: parking-gateway decode CODEC --event FILE"
        )
    return DecodedEvent(choice.codec, choice.options | options, frame)


def _uplink(payload: bytes, config: "Config") -> "Uplink":
    from parking_gateway import chirpstack  # noqa: PLC0415 - heavy
    from parking_gateway.core.events import Rejection, Uplink  # noqa: PLC0415 - as above
    from parking_gateway.gateway.opening import limits_of  # noqa: PLC0415 - as above

    event = chirpstack.parse(_TOPIC, payload, received_at=datetime.now(UTC), limits=limits_of(config))
    if not isinstance(event, Uplink):
        fail(event.detail if isinstance(event, Rejection) else "It is no uplink of ChirpStack: the file is empty.")
    return event
