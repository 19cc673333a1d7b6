"""A vendor's script in JavaScript, which decodes one frame at a time in a process of its own.

Only a process can be stopped at any time. QuickJS's own time limit does not hold within a built-in function, and an
interpreter that crashes ends its process. The process has no access to the gateway's memory, open files and environment,
which may contain passwords.
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from decoders import Frame, Undecodable
from parking_gateway.core.printable import printable, shortened
from parking_gateway.decoding.declared.declaration import Scalar, Unusable
from parking_gateway.decoding.declared.habits import parts
from parking_gateway.decoding.guests.process import GuestStopped, Process

FRAME_SECONDS: Final = 0.05
"""The time limit of one frame."""
LOOK_SECONDS: Final = 2
"""The time limit of the first question to a script."""
LARGEST_SCRIPT: Final = 512 * 1024

PROGRAM: Final = Path(__file__).with_name("sandbox.py")
_LONGEST_TEXT: Final = 300
"""Characters."""
_INTERRUPTED: Final = "InternalError: interrupted"
_PLACE: Final = re.compile(r"<input>:(\d+)")
_FUNCTION: Final = re.compile(r"at (\w+) \(<input>:")


class ScriptReply(msgspec.Struct, frozen=True):
    """The reply to one line. See `sandbox`."""

    found: str = ""
    values: dict[str, Scalar | None] | None = None
    errors: str | None = None
    wrong: str | None = None
    threw: str | None = None


class Script:
    """A vendor's script in its process."""

    def __init__(self, file: Path, paths: tuple[str, ...]) -> None:
        """Start the script and find its decoding function. Raises `Unusable`."""
        self._name = file.name
        setting = {"folder": quickjs_folder(file.name), "parts": parts(_text(file)), "paths": paths}
        self._process = Process(PROGRAM, msgspec.json.encode(setting), flags=["-I", "-S"])
        try:
            self._look()
        except Unusable:
            self._process.end()
            raise

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def ask(self, frame: Frame) -> Mapping[str, Scalar | None]:
        """Decode a frame and return values by path. Raises `Undecodable`, or `GuestStopped` if there is no reply in time."""
        question = {"bytes": list(frame.payload), "fPort": frame.port, "time": frame.received_at.timestamp() * 1000}
        reply = self._reply(msgspec.json.encode(question), seconds=FRAME_SECONDS)
        if reply.errors is not None:
            raise Undecodable(f"{self._name} reports: {plain(reply.errors)}")
        if reply.threw is not None:
            raise self._failure(reply.threw)
        if reply.values is None:
            raise Undecodable(f"{self._name}: {plain(reply.wrong or 'it returned nothing')}")
        return reply.values

    def _failure(self, threw: str) -> Undecodable | GuestStopped:
        if threw.startswith(_INTERRUPTED):
            function = _FUNCTION.search(threw)  # the line of the last call, which is not the line of the loop
            where = f" in {function[1]}" if function else ""
            return GuestStopped(f"{self._name} was stopped: it computes without end{where}")
        return Undecodable(f"{self._name} threw {thrown(threw)}")

    def _look(self) -> None:
        try:
            reply = self._reply(b"null", seconds=LOOK_SECONDS)
        except GuestStopped as stopped:
            raise Unusable(str(stopped)) from None
        if reply.threw is not None:
            raise Unusable(f"{self._name} does not run: {thrown(reply.threw)}")
        if reply.found == "nothing":
            raise Unusable(f"{self._name} has no function decodeUplink(input)")

    def _reply(self, line: bytes, *, seconds: float) -> ScriptReply:
        try:
            return msgspec.json.decode(self._process.ask(line, seconds=seconds), type=ScriptReply)
        except GuestStopped as stopped:
            raise GuestStopped(f"{self._name} was stopped: {stopped}") from None


def quickjs_folder(name: str) -> str:
    """Return the folder from which QuickJS is imported. Raises `Unusable` with the name of what needs it."""
    quickjs = importlib.util.find_spec("quickjs")
    if quickjs is None or quickjs.origin is None:
        raise Unusable(f"{name} needs QuickJS, which is not installed: install parking-gateway[javascript]")
    return str(Path(quickjs.origin).parent.parent)


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unusable(f"{file.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{file.name} is no text in UTF-8") from None
    if len(text) > LARGEST_SCRIPT:
        raise Unusable(f"{file.name} has {len(text)} characters, at most {LARGEST_SCRIPT} are allowed")
    if "\0" in text:
        raise Unusable(f"{file.name} has a NUL character in it")
    return text


def thrown(text: str) -> str:
    """Return the message of an exception, with the line of the script."""
    message = text.partition("\n")[0]
    # QuickJS throws null when it has no memory left for an exception.
    return plain("null, or it ran out of memory" if message == "null" else message) + _line(text)


def _line(text: str) -> str:
    place = _PLACE.search(text)
    return f" (line {place[1]})" if place else ""


def plain(text: str) -> str:
    """Return text of a script for a message: printable, on one line, and not too long."""
    return printable(shortened(text, _LONGEST_TEXT))
