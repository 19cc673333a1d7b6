"""The program in which a vendor's script runs: a line of JSON comes in, a line of JSON goes out.

It is started by its path as a process of its own and imports nothing of the gateway. Whoever started it kills it when it
takes too long, because QuickJS looks at the clock between the steps of a script and never within a function of its own:
`new Array(2 ** 31).join()` works for minutes.

The first line says what to run: `{"folder", "script", "paths"}`, and the answer is `{"ready": true}`. Each further one is a
frame, `{"bytes", "fPort", "time"}`, and is answered by `{"said": {path: value}}`, by `{"errors": text}` (the script's
own), `{"wrong": text}` (what it returned) or `{"threw": text}`. The line `null` asks what there is to decode with, and is
answered by `{"found": name}`.
"""

import json
import math
import signal
import sys
from typing import Any

MEMORY_BYTES = 8 * 1024 * 1024
STACK_BYTES = 256 * 1024
LOOP_SECONDS = 0.04
"""After this much computing QuickJS ends a script where it can, and tells in which line it was."""
FORSAKEN_SECONDS = 5
"""Whoever has to kill this process does so much earlier, or is dead."""
LONGEST_TEXT = 1000

# What a member holds, where the object has it itself: what it inherits, anybody may have put there.
MEMBER = """
(has => (object, name) => {
  const value = has(object, name) ? object[name] : undefined, kind = typeof value;
  if (kind === "bigint" || kind === "function" || kind === "symbol") throw "a " + kind;
  return value;
})(Object.hasOwn)
"""
INPUT = "(Time => (bytes, fPort, time) => ({ bytes, fPort, recvTime: new Time(time), variables: {} }))(Date)"
FIND = """
typeof decodeUplink === "function" ? "decodeUplink"
  : typeof Decoder === "function" ? "Decoder" : typeof Decode === "function" ? "Decode" : "nothing"
"""

Answer = dict[str, Any]


class Wrong(Exception):  # noqa: N818 - it says what is wrong
    """What the script returned is not what it has to return."""


class Script:
    """The script, run once in a fresh context, and good for one frame."""

    def __init__(self, quickjs: Any, script: str) -> None:
        context = quickjs.Context()
        context.set_memory_limit(MEMORY_BYTES)
        context.set_max_stack_size(STACK_BYTES)
        context.set_time_limit(LOOP_SECONDS)
        # Taken before the script runs, so that it can put nothing else in their place.
        self._input, self._member, self._is_list = map(context.eval, (INPUT, MEMBER, "Array.isArray"))
        self._exception, self._object = quickjs.JSException, quickjs.Object
        self._context = context
        # Of the script's last value nothing is wanted: it may be one that cannot leave JavaScript.
        context.eval(f"{script}\n;undefined")

    def found(self) -> Answer:
        """What it has to decode with."""
        return {"found": self._context.eval(FIND)}

    def decoded(self, frame: Answer, paths: list[str]) -> Answer:
        """What it makes of a frame. Raises `Wrong`."""
        payload = self._context.parse_json(json.dumps(frame["bytes"]))
        # Whole numbers beyond 32 bits do not arrive as what they are; floats do.
        given = self._input(payload, frame["fPort"], float(frame["time"]))
        try:
            output = self._context.eval("decodeUplink")(given)
        except TypeError:  # the script's own are JSException
            raise Wrong("decodeUplink returned what cannot leave JavaScript") from None
        errors = self._within(output, "errors", of="what decodeUplink returned")
        if errors and not (self._is_a_list(errors) and self._within(errors, "length", of="errors") == 0):
            return {"errors": self._first(errors)}
        data = self._within(output, "data", of="what decodeUplink returned")
        if not isinstance(data, self._object):
            raise Wrong(f"decodeUplink returned {self._named(data)} as data")
        return {"said": {path: word for path in paths if (word := self._word(data, path)) is not None}}

    def _word(self, data: Any, path: str) -> bool | float | str | None:
        value = data
        for name in path.split("."):
            if value is None:
                return None
            value = self._within(value, name, of=path)
        if isinstance(value, self._object):
            raise Wrong(f"{path} is {self._named(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise Wrong(f"{path} is {value}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise Wrong(f"{path} is a text of {len(value)} characters")
        word: bool | float | str | None = value
        return word

    def _within(self, value: Any, name: str, *, of: str) -> Any:
        if not isinstance(value, self._object):
            raise Wrong(f"{of} is {self._named(value)}, which has no {name}")
        try:
            return self._member(value, name)
        except (self._exception, UnicodeDecodeError, TypeError) as error:
            message, *_ = _text(error).splitlines() or [""]
            raise Wrong(f"{of}: {message}") from None

    def _first(self, errors: Any) -> str:
        first = self._within(errors, "0", of="errors") if self._is_a_list(errors) else errors
        return first[:LONGEST_TEXT] if isinstance(first, str) else self._named(first)

    def _is_a_list(self, value: Any) -> bool:
        return isinstance(value, self._object) and bool(self._is_list(value))

    def _named(self, value: Any) -> str:
        if isinstance(value, self._object):
            return "a list" if self._is_list(value) else "an object"
        return "nothing" if value is None else json.dumps(value)[:LONGEST_TEXT]


def main() -> None:
    """Answer every line until there are no more."""
    setting = json.loads(sys.stdin.buffer.readline())
    sys.path.append(setting["folder"])
    import quickjs  # noqa: PLC0415 - only now is it known where it is

    _say({"ready": True})
    script = _prepared(quickjs, setting["script"])
    for line in sys.stdin.buffer:
        signal.alarm(FORSAKEN_SECONDS)
        _say(_answer(script, json.loads(line), setting["paths"], quickjs))
        # The next frame's context is made before there is one, so that the gateway need not wait for it.
        script = _prepared(quickjs, setting["script"])
        signal.alarm(0)


def _say(answer: Answer) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _prepared(quickjs: Any, script: str) -> Script | str:
    try:
        return Script(quickjs, script)
    except (quickjs.JSException, ValueError) as error:
        return _text(error)


def _answer(script: Script | str, frame: Answer | None, paths: list[str], quickjs: Any) -> Answer:
    if isinstance(script, str):
        return {"threw": script}
    try:
        return script.found() if frame is None else script.decoded(frame, paths)
    except Wrong as complaint:
        return {"wrong": str(complaint)}
    except (quickjs.JSException, ValueError) as error:
        return {"threw": _text(error)}


def _text(error: Exception) -> str:
    return str(error)[:LONGEST_TEXT]


if __name__ == "__main__":
    main()
