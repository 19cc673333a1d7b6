"""A sandbox for many scripts one after the other, which gives all that a function returns. For tests of scripts."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from parking_gateway.decoding.declared.habits import parts
from parking_gateway.decoding.declared.javascript import PROGRAM, plain, quickjs_folder, thrown
from parking_gateway.decoding.guests.process import GuestStopped, Process

CALL_SECONDS: Final = 1
"""The time limit of one call and of the script before it. QuickJS itself still ends a frame as early as for the gateway."""


class WholeReply(msgspec.Struct, frozen=True):
    """What a function returned, as JSON text. See `sandbox`."""

    output: str | None = None
    wrong: str | None = None
    threw: str | None = None

    @property
    def why(self) -> str:
        """Return why there is no output."""
        if self.threw is not None:
            return f"the script threw {thrown(self.threw)}"
        return plain(self.wrong or "the function returned nothing")


class Bench:
    """A process in which one script after the other is tried."""

    def __init__(self) -> None:
        """Start the process. Raises `Unusable` if QuickJS is not installed."""
        self._folder = quickjs_folder("a script")
        self._process = Process(PROGRAM, self._setting(""), flags=["-I", "-S"])

    def load(self, script: str) -> None:
        """Begin with another script."""
        self._process.begin(self._setting(script))

    def call(self, function: str, given: Mapping[str, Any], *, dated: bool, context: Any) -> WholeReply:
        """Call a function of the script, in a context of its own. `dated`: `recvTime` is a Date, as TS013 has it, and not a text."""
        try:
            question = {"call": function, "input": given, "dated": dated, "context": context}
            reply = self._process.ask(msgspec.json.encode(question), seconds=CALL_SECONDS)
            return msgspec.json.decode(reply, type=WholeReply)
        except (GuestStopped, ValueError, TypeError) as error:  # a value that JSON does not have, in either direction
            return WholeReply(wrong=f"the script was stopped: {error}")

    def end(self) -> None:
        """End the process."""
        self._process.end()

    def _setting(self, script: str) -> bytes:
        return msgspec.json.encode({"folder": self._folder, "parts": parts(script), "paths": None})
