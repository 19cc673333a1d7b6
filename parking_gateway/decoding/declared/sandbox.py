"""The program in which a vendor's script runs: one line of JSON in, one line of JSON out.

The gateway starts it by its path as a process of its own, and kills it after a time limit. It imports nothing of the
gateway. The limit of QuickJS is not enough, because QuickJS checks the clock between the steps of a script and never within
a built-in function: `new Array(2 ** 31).join()` works for minutes.

The first line is the setting, `{"folder", "parts", "paths"}`: the parts are the texts of `habits.parts`; no paths mean that all
of the output is asked for. The reply is
`{"ready": true}`. A later line of this form begins with another script. Each further line is a frame, `{"bytes", "fPort",
"time"}`. The reply is `{"values": {path: value}}`, `{"errors": text}` for errors that the script returned, `{"wrong": text}`
for any other wrong return value, or `{"threw": text}`. The line `null` asks for the name of the decoding function. The reply
is `{"found": name}`. A line `{"call", "input", "dated", "context"}` asks for all that a function returns for an input, whose `recvTime`
is a Date or stays text. The reply is `{"output": JSON}`.
"""

import json
import math
import os
import signal
import sys
import time
from typing import Any

MEMORY_BYTES = 8 * 1024 * 1024
STACK_BYTES = 256 * 1024
LOOP_SECONDS = 0.04
"""After this time QuickJS ends a script if it can, and reports the line."""
FORSAKEN_SECONDS = 5
"""The gateway kills this process much earlier. This limit is for a gateway that has died."""
LONGEST_TEXT = 1000

# Reads an object's own members only, because a script can add inherited ones to every object.
MEMBER = """
(has => (object, name) => {
  const value = has(object, name) ? object[name] : undefined, kind = typeof value;
  if (kind === "bigint" || kind === "function" || kind === "symbol") throw "a " + kind;
  return value;
})(Object.hasOwn)
"""
INPUT = "(Time => (bytes, fPort, time) => ({ bytes, fPort, recvTime: new Time(time), variables: {} }))(Date)"
WHOLE_INPUT = """
((Time, parse) => (text, dated) => {
  const input = parse(text);
  if (dated && typeof input.recvTime === "string") input.recvTime = new Time(input.recvTime);
  return input;
})(Date, JSON.parse)
"""
# A plain function, as most scripts have it. To find any other costs 0.1 ms more.
PLAIN = 'typeof decodeUplink === "function" ? decodeUplink : undefined'
# The function of this name, wherever the script has it. The older functions take other arguments.
FIND = """
((whole, isFunction) => named => {
  const places = [];
  const add = value => { if (value) places[places.length] = value; };
  if (typeof driver === "object") add(driver);
  for (const exported of [typeof module === "object" && module && module.exports, typeof exports === "object" && exports]) {
    if (exported) { add(exported); add(exported.default); add(exported.driver); }
  }
  add(whole);
  const held = name => {
    for (let at = 0; at < places.length; at++) if (isFunction(places[at][name])) return places[at];
  };
  if (named === "normalizeUplink" && typeof normalizeUplink === "function") return [named, normalizeUplink];
  const place = held(named);
  if (place) return [named, input => place[named](input)];
  if (named !== "decodeUplink") return ["nothing"];
  if (typeof Decoder === "function") return ["Decoder", input => ({ data: Decoder(input.bytes, input.fPort) })];
  if (typeof Decode === "function") {
    return ["Decode", input => ({ data: Decode(input.fPort, input.bytes, input.variables) })];
  }
  const older = held("Decoder");
  if (older) return ["Decoder", input => ({ data: older.Decoder(input.bytes, input.fPort) })];
  const oldest = held("Decode");
  if (oldest) return ["Decode", input => ({ data: oldest.Decode(input.fPort, input.bytes, input.variables) })];
  for (let at = 0; at < places.length; at++) if (isFunction(places[at])) return ["decodeUplink", places[at]];
  return ["nothing"];
})(globalThis, value => typeof value === "function")
"""

JsonObject = dict[str, Any]


class WrongResult(Exception):  # noqa: N818 - the word for it
    """The script returned a value that it must not return."""


class PreparedScript:
    """The script, run in a fresh context, for one frame."""

    def __init__(self, quickjs: Any, parts: list[str], *, is_whole: bool) -> None:
        context = quickjs.Context()
        context.set_memory_limit(MEMORY_BYTES)
        context.set_max_stack_size(STACK_BYTES)
        context.set_time_limit(LOOP_SECONDS)
        # Taken before the script runs, so that the script cannot replace them.
        self._input, self._member, self._is_list = map(context.eval, (INPUT, MEMBER, "Array.isArray"))
        if is_whole:
            self._whole_input, self._json = map(context.eval, (WHOLE_INPUT, "JSON.stringify"))
        self._exception, self._object = quickjs.JSException, quickjs.Object
        self._context = context
        for part in parts:
            context.eval(part)

    def found(self) -> JsonObject:
        """Return the name of the decoding function."""
        return {"found": self._function("decodeUplink")[0]}

    def _function(self, name: str) -> tuple[str, Any]:
        if name == "decodeUplink" and (plain := self._context.eval(PLAIN)) is not None:
            return name, plain
        found = self._context.eval(FIND)(name)
        first, second = map(self._context.eval, ("pair => pair[0]", "pair => pair[1]"))
        return first(found), second(found)

    def whole(self, question: JsonObject) -> JsonObject:
        """Return as JSON text all that a function returns. Raises `WrongResult`."""
        name, function = self._function(question["call"])
        if function is None:
            raise WrongResult(f"the script has no function {question['call']}")
        if question["context"] is not None:
            self._context.eval(f"globalThis.context = {json.dumps(question['context'])}; undefined")
        try:
            given = self._whole_input(json.dumps(question["input"]), question["dated"])
            output = self._json(function(given))
        except TypeError:  # as below
            raise WrongResult(f"{name} returned a value that JSON does not have") from None
        return {"output": output}

    def decoded(self, frame: JsonObject, paths: list[str]) -> JsonObject:
        """Decode a frame. Raises `WrongResult`."""
        payload = self._context.parse_json(json.dumps(frame["bytes"]))
        # Floats arrive unchanged; whole numbers beyond 32 bits do not.
        given = self._input(payload, frame["fPort"], float(frame["time"]))
        try:
            output = self._function("decodeUplink")[1](given)
        except TypeError:  # errors of the script itself are JSException
            raise WrongResult("decodeUplink returned a value that JSON does not have") from None
        errors = self._within(output, "errors", of="the result of decodeUplink")
        if errors and not (self._is_a_list(errors) and self._within(errors, "length", of="errors") == 0):
            return {"errors": self._first(errors)}
        data = self._within(output, "data", of="the result of decodeUplink")
        if not isinstance(data, self._object):
            raise WrongResult(f"decodeUplink returned {self._named(data)} as data")
        return {"values": {path: value for path in paths if (value := self._scalar(data, path)) is not None}}

    def _scalar(self, data: Any, path: str) -> bool | float | str | None:
        value = data
        for name in path.split("."):
            if value is None:
                return None
            value = self._within(value, name, of=path)
        if isinstance(value, self._object):
            raise WrongResult(f"{path} is {self._named(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongResult(f"{path} is {value}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise WrongResult(f"{path} is a text of {len(value)} characters")
        scalar: bool | float | str | None = value
        return scalar

    def _within(self, value: Any, name: str, *, of: str) -> Any:
        if not isinstance(value, self._object):
            raise WrongResult(f"{of} is {self._named(value)}, which has no {name}")
        try:
            return self._member(value, name)
        except (self._exception, UnicodeDecodeError, TypeError) as error:
            message, *_ = _text(error).splitlines() or [""]
            raise WrongResult(f"{of}: {message}") from None

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
    """Reply to each line until the input ends."""
    # The time zone of the machine must not change what a script computes.
    os.environ["TZ"] = "UTC"
    time.tzset()
    setting = json.loads(sys.stdin.buffer.readline())
    sys.path.append(setting["folder"])
    import quickjs  # noqa: PLC0415 - its folder is in the setting

    _send({"ready": True})
    script = _prepared(quickjs, setting)
    for line in sys.stdin.buffer:
        signal.alarm(FORSAKEN_SECONDS)
        question = json.loads(line)
        if question is not None and "parts" in question:
            setting = question
            _send({"ready": True})
        else:
            _send(_reply(script, question, setting["paths"], quickjs))
        # The context of the next frame is made now, so that the next frame need not wait for it.
        script = _prepared(quickjs, setting)
        signal.alarm(0)


def _send(reply: JsonObject) -> None:
    try:
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the gateway has died
        os._exit(1)


def _prepared(quickjs: Any, setting: JsonObject) -> PreparedScript | str:
    try:
        return PreparedScript(quickjs, setting["parts"], is_whole=setting["paths"] is None)
    except (quickjs.JSException, ValueError) as error:
        return _text(error)


def _reply(script: PreparedScript | str, question: JsonObject | None, paths: list[str], quickjs: Any) -> JsonObject:
    if isinstance(script, str):
        return {"threw": script}
    try:
        if question is None:
            return script.found()
        return script.whole(question) if "call" in question else script.decoded(question, paths)
    except WrongResult as wrong:
        return {"wrong": str(wrong)}
    except (quickjs.JSException, ValueError) as error:
        return {"threw": _text(error)}


def _text(error: Exception) -> str:
    return str(error)[:LONGEST_TEXT]


if __name__ == "__main__":
    main()
