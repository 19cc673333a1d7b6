"""The program in which a guest in Python runs: one line of JSON in, one line of JSON out.

The gateway starts it by its path as a process of its own, and kills it after a time limit. It imports nothing of the
gateway. The codec has neither our pipes nor our terminal, so its output is discarded.

The first line is the setting, `{"path", "file" or "entry_point"}`. The reply `{"ready": true}` comes after the import. The
line `null` asks for a description. The reply is `{"device", "options"}` or `{"unusable": text}`. Each further line is a
frame, with the member `options`. The reply is `{"reading"}`, `{"undecodable": text}` for a refusal, or `{"failed": text}`
for an error.
"""

import importlib.metadata
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Literal, get_args, get_origin, get_type_hints

MEMORY_BYTES = 256 * 1024 * 1024
FORSAKEN_SECONDS = 10
"""The gateway kills this process much earlier. This limit is for a gateway that has died."""
LONGEST_TEXT = 1000
WORDS = {int: "int", float: "float", bool: "bool", str: "str"}
"""Names of the types of options. A `Literal` is a list of its words instead."""

JsonObject = dict[str, Any]


def main() -> None:
    """Reply to each line until the input ends."""
    requests, replies = _pipes()
    with suppress(OSError, ValueError):  # without permission (systemd), only the time limit holds
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    setting = json.loads(requests.readline())
    sys.path[:] = setting["path"]
    signal.alarm(FORSAKEN_SECONDS)
    codec = _loaded(setting)
    _send(replies, {"ready": True})
    for line in requests:
        signal.alarm(FORSAKEN_SECONDS)
        if isinstance(codec, str):
            _send(replies, {"unusable": codec})
        else:
            _send(replies, _description(codec) if line == b"null\n" else _decoded(codec, line))
        signal.alarm(0)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move our ends of the pipes to other numbers, so that the codec does not use them."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    return requests, replies


def _send(replies: BinaryIO, reply: JsonObject) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


def _loaded(setting: JsonObject) -> ModuleType | str:
    try:
        if "file" in setting:
            return _import_file(Path(setting["file"]))
        loaded: ModuleType = importlib.metadata.EntryPoint("codec", setting["entry_point"], "").load()
    except BaseException as error:  # noqa: BLE001 - a guest can break in any way while it is imported
        return _described(error)
    return loaded


def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dropin_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _description(codec: ModuleType) -> JsonObject:
    import msgspec  # noqa: PLC0415 - `path` is set by now

    from decoders import Device  # noqa: PLC0415 - as above

    device, decode = getattr(codec, "DEVICE", None), getattr(codec, "decode", None)
    if not isinstance(device, Device) or not callable(decode):
        return {"lacking": True}
    try:
        return {"device": msgspec.to_builtins(device), "options": list(_options(decode))}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"unusable": _described(error)}


def _options(decode: Callable[..., Any]) -> Iterator[JsonObject]:
    hints = get_type_hints(decode)
    for parameter in inspect.signature(decode).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            kind = hints.get(parameter.name, str)
            words = list(get_args(kind)) if get_origin(kind) is Literal else WORDS.get(kind)
            if words is None:
                raise TypeError(f"the option {parameter.name} is neither int, float, bool, str nor a Literal")
            yield {"name": parameter.name, "kind": words, "required": parameter.default is parameter.empty}


def _decoded(codec: ModuleType, line: bytes) -> JsonObject:
    import msgspec  # noqa: PLC0415 - as above

    from decoders import Frame, Undecodable  # noqa: PLC0415 - as above
    from decoders.readings import WrongReading, checked  # noqa: PLC0415 - as above

    frame = msgspec.json.decode(line)
    options = frame.pop("options")
    try:
        reading = codec.decode(msgspec.convert(frame, Frame), **options)
        checked(reading)  # raises only; the gateway drops impossible numbers, and the conformance suite has to see them
        return {"reading": msgspec.to_builtins(reading)}
    except Undecodable as refusal:
        return {"undecodable": str(refusal)[:LONGEST_TEXT]}
    except WrongReading as wrong:
        return {"failed": str(wrong)[:LONGEST_TEXT]}
    except BaseException as error:  # noqa: BLE001 - also SystemExit must not affect the next frame
        return {"failed": _described(error)}


def _described(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST_TEXT]
    except BaseException:  # noqa: BLE001 - the `__str__` of a guest's exception may raise
        return f"{type(error).__name__}: its message cannot be read"


if __name__ == "__main__":
    main()
