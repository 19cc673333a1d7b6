"""A vendor's JavaScript, asked about one frame at a time in a process of its own.

A process, because that alone can be stopped at any time whatever it does: QuickJS's own limit of time does not hold while
one of its functions works, and an interpreter that breaks takes its process with it. The process has nothing of the
gateway's: not its memory, its open files or its environment, where passwords may be.
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from decoders import Frame, Undecodable
from parking_gateway.decoding.declared.declaration import Unusable, Word
from parking_gateway.decoding.guests.process import Process, Stopped

FRAME_SECONDS: Final = 0.05
"""How long one frame may take."""
LOOK_SECONDS: Final = 2
"""How long the first look at a script may take, when nothing waits yet."""
LARGEST_SCRIPT: Final = 512 * 1024

_PROGRAM: Final = Path(__file__).with_name("sandbox.py")
_OLD_NAMES: Final = {"Decoder": "The Things Network v2", "Decode": "ChirpStack v3"}
_SHOWN: Final = 300
_INTERRUPTED: Final = "InternalError: interrupted"
_PLACE: Final = re.compile(r"<input>:(\d+)")
_FUNCTION: Final = re.compile(r"at (\w+) \(<input>:")


class Answer(msgspec.Struct, frozen=True):
    """What comes back for one line. See `sandbox`."""

    found: str = ""
    said: dict[str, Word | None] | None = None
    errors: str | None = None
    wrong: str | None = None
    threw: str | None = None


class Script:
    """A vendor's script, ready to be asked."""

    def __init__(self, file: Path, paths: tuple[str, ...]) -> None:
        """Read the script and have a first look at it. Raises `Unusable`."""
        quickjs = importlib.util.find_spec("quickjs")
        if quickjs is None or quickjs.origin is None:
            raise Unusable(f"{file.name} needs QuickJS, which is not installed: install parking-gateway[javascript]")
        self._name = file.name
        setting = {"folder": str(Path(quickjs.origin).parent.parent), "script": _text(file), "paths": paths}
        self._process = Process(_PROGRAM, msgspec.json.encode(setting), flags=["-I", "-S"])
        try:
            self._look()
        except Unusable:
            self._process.end()
            raise

    def ask(self, frame: Frame) -> Mapping[str, Word | None]:
        """What the script says of a frame, by path. Raises `Undecodable`, or `Stopped` when there is no answer in time."""
        question = {"bytes": list(frame.payload), "fPort": frame.port, "time": frame.received_at.timestamp() * 1000}
        answer = self._answer(msgspec.json.encode(question), seconds=FRAME_SECONDS)
        if answer.errors is not None:
            raise Undecodable(f"{self._name} says: {_plain(answer.errors)}")
        if answer.threw is not None:
            raise self._failure(answer.threw)
        if answer.said is None:
            raise Undecodable(f"{self._name}: {_plain(answer.wrong or 'nothing was said')}")
        return answer.said

    def _failure(self, threw: str) -> Undecodable | Stopped:
        if threw.startswith(_INTERRUPTED):
            function = _FUNCTION.search(threw)  # the line would be that of its last call, and loops make none
            where = f" in {function[1]}" if function else ""
            return Stopped(f"{self._name} was stopped: it computes without an end{where}")
        return Undecodable(f"{self._name} threw {_thrown(threw)}")

    def _look(self) -> None:
        try:
            answer = self._answer(b"null", seconds=LOOK_SECONDS)
        except Stopped as stopped:
            raise Unusable(str(stopped)) from None
        if answer.threw is not None:
            raise Unusable(f"{self._name} does not run: {_thrown(answer.threw)}")
        if answer.found in _OLD_NAMES:
            raise Unusable(
                f"{self._name} has the {answer.found} of {_OLD_NAMES[answer.found]} and no decodeUplink(input), which can"
                " be a line that calls it: docs/javascript.md"
            )
        if answer.found != "decodeUplink":
            raise Unusable(f"{self._name} has no function decodeUplink(input)")

    def _answer(self, line: bytes, *, seconds: float) -> Answer:
        try:
            return msgspec.json.decode(self._process.ask(line, seconds=seconds), type=Answer)
        except Stopped as stopped:
            raise Stopped(f"{self._name} was stopped: {stopped}") from None


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unusable(f"{file.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{file.name} is no text in UTF-8") from None
    if len(text) > LARGEST_SCRIPT:
        raise Unusable(f"{file.name} has {len(text)} characters, and {LARGEST_SCRIPT} are allowed")
    if "\0" in text:
        raise Unusable(f"{file.name} has a NUL character in it")
    return text


def _thrown(text: str) -> str:
    """The message of an exception, and in which line of the script it was thrown."""
    message = text.partition("\n")[0]
    # QuickJS has no memory left for an exception that would say so.
    return _plain("null, or all of its memory was in use" if message == "null" else message) + _line(text)


def _line(text: str) -> str:
    place = _PLACE.search(text)
    return f" (line {place[1]})" if place else ""


def _plain(text: str) -> str:
    """Text of strangers on one line: it goes into a log and a database."""
    line = "".join(character if character.isprintable() else " " for character in text[:_SHOWN])
    return line if len(text) <= _SHOWN else f"{line}…"
