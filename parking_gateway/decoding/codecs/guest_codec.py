"""A guest in Python, in a process of its own: from a file of the drop-in folder, or from an entry point.

Only a process can be stopped at any time, whatever the guest does. The process does not protect against malicious code,
because it runs as the gateway's user.
"""

import json
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from decoders import Device, Frame, Reading, Undecodable
from decoders.readings import WrongReading
from parking_gateway.decoding.codecs.codec import Option
from parking_gateway.decoding.declared import Unusable
from parking_gateway.decoding.guests import python_codec
from parking_gateway.decoding.guests.process import GuestStopped, Process

FRAME_SECONDS: Final = 0.2
"""The time limit of one frame. A codec takes about 10 µs. A busy machine, or an import at the first frame, takes more."""
LOOK_SECONDS: Final = 2
"""The time limit of the first question to a codec, after its process has started."""

_LACKING: Final = "it lacks DEVICE or decode"
_KINDS: Final[dict[str, Any]] = {word: kind for kind, word in python_codec.WORDS.items()}


class GuestCodec:
    """Stands for the module of a codec: `DEVICE`, `decode` and `OPTIONS`, which only its process can read."""

    def __init__(self, source: Path | EntryPoint) -> None:
        """Start the process and read the description of the codec. Raises `Unusable` or `GuestStopped`."""
        where = {"file": str(source.resolve())} if isinstance(source, Path) else {"entry_point": source.value}
        path = [os.path.abspath(folder) for folder in sys.path]  # noqa: PTH100 - as Python does: links are not followed
        program = Path(python_codec.__file__)
        self._process = Process(program, msgspec.json.encode({"path": path, **where}), flags=["-I"])
        try:
            reply = json.loads(self._process.ask(b"null", seconds=LOOK_SECONDS))
        except GuestStopped:
            self._process.end()
            raise
        if "device" not in reply:
            self._process.end()
            raise Unusable(reply.get("unusable", _LACKING))
        self.DEVICE = msgspec.convert(reply["device"], Device)
        self.OPTIONS = tuple(map(_option, reply["options"]))

    def decode(self, frame: Frame, **options: Any) -> Reading:
        """Decode a frame. Raises `Undecodable`, `WrongReading`, or `GuestStopped` if there is no reply in time."""
        question = msgspec.json.encode(msgspec.structs.asdict(frame) | {"options": options})
        reply = json.loads(self._process.ask(question, seconds=FRAME_SECONDS))
        if "undecodable" in reply:
            raise Undecodable(reply["undecodable"])
        if "reading" not in reply:
            raise WrongReading(reply["failed"])
        return msgspec.convert(reply["reading"], Reading, str_keys=True)


def _option(description: dict[str, Any]) -> Option:
    kind = description["kind"]
    return Option(
        name=description["name"],
        kind=_KINDS[kind] if isinstance(kind, str) else Literal.__getitem__(tuple(kind)),
        required=description["required"],
    )
