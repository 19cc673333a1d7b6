"""A codec of others that is written in Python, in a process of its own: from a file of the drop-in folder, or an entry point.

A process, because that alone can be stopped at any time whatever the codec does. It is no wall against malice: the codec runs
under the gateway's user.
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
from parking_gateway.decoding.guests.process import Process, Stopped

FRAME_SECONDS: Final = 0.2
"""How long one frame may take. A codec takes some 10 µs; a machine that is busy, or the first frame's imports, take more."""
LOOK_SECONDS: Final = 2
"""How long the first look at a codec may take, after its process has started."""

_LACKING: Final = "it lacks DEVICE or decode"
_KINDS: Final[dict[str, Any]] = {word: kind for kind, word in python_codec.WORDS.items()}


class ForeignCodec:
    """What a codec's module has: `DEVICE`, `decode`, and beside them the options, which only its process can look up."""

    def __init__(self, source: Path | EntryPoint) -> None:
        """Start its process and have a first look at it. Raises `Unusable` or `Stopped`."""
        where = {"file": str(source.resolve())} if isinstance(source, Path) else {"entry_point": source.value}
        path = [os.path.abspath(folder) for folder in sys.path]  # noqa: PTH100 - as Python has them: links are not followed
        program = Path(python_codec.__file__)
        self._process = Process(program, msgspec.json.encode({"path": path, **where}), flags=["-I"])
        try:
            said = json.loads(self._process.ask(b"null", seconds=LOOK_SECONDS))
        except Stopped:
            self._process.end()
            raise
        if "device" not in said:
            self._process.end()
            raise Unusable(said.get("unusable", _LACKING))
        self.DEVICE = msgspec.convert(said["device"], Device)
        self.OPTIONS = tuple(map(_option, said["options"]))

    def decode(self, frame: Frame, **options: Any) -> Reading:
        """What it makes of a frame. Raises `Undecodable`, `WrongAnswer`, or `Stopped` when there is no answer in time."""
        question = msgspec.json.encode(msgspec.structs.asdict(frame) | {"options": options})
        said = json.loads(self._process.ask(question, seconds=FRAME_SECONDS))
        if "undecodable" in said:
            raise Undecodable(said["undecodable"])
        if "reading" not in said:
            raise WrongReading(said["failed"])
        return msgspec.convert(said["reading"], Reading)


def _option(said: dict[str, Any]) -> Option:
    kind = said["kind"]
    return Option(
        name=said["name"],
        kind=_KINDS[kind] if isinstance(kind, str) else Literal.__getitem__(tuple(kind)),
        required=said["required"],
    )
