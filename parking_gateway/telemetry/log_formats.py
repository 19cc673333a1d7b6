"""A line of the log as bytes: JSON for collectors, text for people, and either of them for systemd's journal.

Control characters are escaped, so no field can break a line or command a terminal.
"""

from collections.abc import Callable
from datetime import UTC
from typing import Final

import msgspec

from parking_gateway.core.printable import printable, printable_json
from parking_gateway.telemetry.prose import in_words
from parking_gateway.telemetry.repetitions import Line

Render = Callable[[Line], bytes]

_DIM, _BOLD, _YELLOW, _RED, _USUAL = (f"\033[{code}m" for code in (2, 1, 33, 31, 0))
_COLOURS: Final = {"INFO": _BOLD, "WARNING": _YELLOW, "ERROR": _RED, "CRITICAL": _RED}
_PRIORITIES: Final = {"TRACE": 7, "DEBUG": 7, "INFO": 6, "SUCCESS": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""Those of syslog, which the journal reads as `<6>` at the beginning of a line."""
_NOTICE: Final = 5
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def as_json(line: Line) -> bytes:
    """One JSON document."""
    document: dict[str, object] = {
        "time": line.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": line.level,
        "message": line.sentence,
    }
    if line.exception is not None:
        document["exception"] = line.exception
    if line.left_out:
        document["left_out"] = line.left_out
    # A bound field cannot overwrite a field of the line itself.
    document |= {name: value for name, value in line.fields.items() if name not in document}
    return printable_json(_encode(document)) + b"\n"


def as_text(line: Line, *, is_coloured: bool = False) -> bytes:
    """A line for a terminal or a file: time, level and words."""
    dim, usual = (_DIM, _USUAL) if is_coloured else ("", "")
    colour = _COLOURS.get(line.level, "") if is_coloured else ""
    words, fields = _words(line)
    text = (
        f"{dim}{line.time:%H:%M:%S}.{line.time.microsecond // 1000:03}{usual} {colour}{line.level: <7}{usual} "
        f"{words}{dim}{fields}{usual}\n"
    )
    return (text + "".join(f"{row}\n" for row in _trace(line))).encode()


def in_journal(render: Render, line: Line) -> bytes:
    """The line in another format, with its priority at the beginning. The journal has the time and shows the level itself."""
    priority = f"<{_PRIORITIES.get(line.level, _NOTICE)}>".encode()
    if render is not as_text:
        return priority + render(line)
    return b"".join(priority + row.encode() + b"\n" for row in ("".join(_words(line)), *_trace(line)))


def _words(line: Line) -> tuple[str, str]:
    """The line in words, and the fields that are not in the words."""
    more = f" (and {line.left_out:,} more like it)" if line.left_out else ""
    words = in_words(line.sentence, line.fields)
    if words is not None:
        return printable(words) + more, ""
    fields = "".join(
        f" {name}={_encode(value).decode() if isinstance(value, list) else printable(str(value))}"
        for name, value in line.fields.items()
    )
    return printable(line.sentence) + more, fields


def _trace(line: Line) -> list[str]:
    """Indented, so that a line of an error message does not look like a line of the log."""
    return [f"    {printable(row)}" for row in (line.exception or "").splitlines()]
