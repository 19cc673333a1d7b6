"""The program in which a codec of others runs that is written in Python: a line of JSON comes in, a line of JSON goes out.

It is started by its path as a process of its own and imports nothing of the gateway. Whoever started it kills it when it takes too
long. The codec has neither our pipes nor our terminal: what it prints is gone.

The first line is the setting, `{"path", "file" or "entry_point"}`, and the answer, `{"ready": true}`, comes when the codec is
imported. The line `null` asks what it is, and is answered by `{"device", "options"}` or `{"unusable": text}`. Each further one is
a `Question`, and is answered by `{"reading"}`, by `{"undecodable": text}` (what it refuses) or by `{"failed": text}`.
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
"""Whoever has to kill this process does so much earlier, or is dead."""
LONGEST_TEXT = 1000
WORDS = {int: "int", float: "float", bool: "bool", str: "str"}
"""Kinds of options, beside a list of words."""

Answer = dict[str, Any]


def main() -> None:
    """Answer every line until there are no more."""
    questions, answers = _pipes()
    with suppress(OSError, ValueError):  # where systemd does not let us, the limit of time has to do
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    setting = json.loads(questions.readline())
    sys.path[:] = setting["path"]
    signal.alarm(FORSAKEN_SECONDS)
    codec = _loaded(setting)
    _say(answers, {"ready": True})
    for line in questions:
        signal.alarm(FORSAKEN_SECONDS)
        if isinstance(codec, str):
            _say(answers, {"unusable": codec})
        else:
            _say(answers, _description(codec) if line == b"null\n" else _answer(codec, line))
        signal.alarm(0)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The ends of our pipes, where the codec does not look for them."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    return questions, answers


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _loaded(setting: Answer) -> ModuleType | str:
    try:
        if "file" in setting:
            return _import_file(Path(setting["file"]))
        loaded: ModuleType = importlib.metadata.EntryPoint("codec", setting["entry_point"], "").load()
    except BaseException as error:  # noqa: BLE001 - a guest can break in any way while it is imported
        return _told(error)
    return loaded


def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dropin_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _description(codec: ModuleType) -> Answer:
    import msgspec  # noqa: PLC0415 - it is found where the gateway finds it

    from decoders import Device  # noqa: PLC0415 - as above

    device, decode = getattr(codec, "DEVICE", None), getattr(codec, "decode", None)
    if not isinstance(device, Device) or not callable(decode):
        return {"lacking": True}
    try:
        return {"device": msgspec.to_builtins(device), "options": list(_options(decode))}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"unusable": _told(error)}


def _options(decode: Callable[..., Any]) -> Iterator[Answer]:
    hints = get_type_hints(decode)
    for parameter in inspect.signature(decode).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            kind = hints.get(parameter.name, str)
            words = list(get_args(kind)) if get_origin(kind) is Literal else WORDS.get(kind)
            if words is None:
                raise TypeError(f"the option {parameter.name} is neither int, float, bool, str nor a Literal")
            yield {"name": parameter.name, "kind": words, "required": parameter.default is parameter.empty}


def _answer(codec: ModuleType, line: bytes) -> Answer:
    import msgspec  # noqa: PLC0415 - as above

    from decoders import Frame, Undecodable  # noqa: PLC0415 - as above
    from decoders.readings import WrongReading, checked  # noqa: PLC0415 - as above

    question = msgspec.json.decode(line)
    options = question.pop("options")
    try:
        reading = codec.decode(msgspec.convert(question, Frame), **options)
        checked(reading)  # and dropped is nothing here, so that the conformance suite sees what cannot be
        return {"reading": msgspec.to_builtins(reading)}
    except Undecodable as refusal:
        return {"undecodable": str(refusal)[:LONGEST_TEXT]}
    except WrongReading as wrong:
        return {"failed": str(wrong)[:LONGEST_TEXT]}
    except BaseException as error:  # noqa: BLE001 - the next frame must not notice, not even of SystemExit
        return {"failed": _told(error)}


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST_TEXT]
    except BaseException:  # noqa: BLE001 - a guest's exception may break while it is asked for its message
        return f"{type(error).__name__}: its message cannot be read"


if __name__ == "__main__":
    main()
