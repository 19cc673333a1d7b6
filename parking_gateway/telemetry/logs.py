"""Lines of log on standard output: a constant sentence with bound fields, our own and those of the libraries alike.

Whatever a field holds, a line stays a line: what strangers chose is cut, and what a terminal would obey is escaped.
"""

import logging
import os
import sys
import threading
import traceback
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from loguru import logger

from parking_gateway.core.printable import printable, printable_json, shortened
from parking_gateway.telemetry.gathering import Line
from parking_gateway.telemetry.log_writer import LogWriter

if TYPE_CHECKING:
    from loguru import Message, Record

LONGEST_FIELD: Final = 500
"""Characters of a topic, a name, a detail or an error. The beginning and the end say which it was."""
_LONGEST_EXCEPTION: Final = 20_000
_STDOUT: Final = 1
_STANDARD_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_DIM, _BOLD, _YELLOW, _RED, _USUAL = (f"\033[{code}m" for code in (2, 1, 33, 31, 0))
_COLOURS: Final = {"INFO": _BOLD, "WARNING": _YELLOW, "ERROR": _RED, "CRITICAL": _RED}
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_writers: Final[list[LogWriter]] = []
"""Of this process, the present one last."""


def set_up_logging(level: str, log_format: Literal["json", "text"]) -> None:
    """Replace whatever logged before. `json` is for journald and other collectors, `text` for people.

    What the libraries say below WARNING is shown at TRACE only: it is a line for every packet and statement. An error
    that ends the process is a line as well, because standard error may be the same pipe, which nobody reads.
    """
    logger.remove()
    is_coloured = log_format == "text" and sys.stdout is not None and sys.stdout.isatty()
    render = _as_json if log_format == "json" else partial(_as_text, is_coloured=is_coloured)
    # Where whoever started us closed standard output, its number may by now be that of a connection.
    descriptor = os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else _STDOUT
    _writers.append(LogWriter(descriptor, render=render, notice=_notice))
    logger.add(_Sink(_writers[-1]), level=level, format="")
    libraries = logging.DEBUG if level == "TRACE" else max(logging.WARNING, logger.level(level).no)
    logging.basicConfig(handlers=[_ToLoguru()], level=libraries, force=True)
    logging.captureWarnings(capture=True)
    # By themselves all three write to standard error, which may be the same pipe.
    sys.excepthook = _log_the_end
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_the_end_of_a_thread


def lines_dropped() -> int:
    """Lines of log that this process could not get rid of."""
    return sum(writer.dropped for writer in _writers)


class _Sink:
    """What loguru hands every message to. Its `stop` is called when the process ends, and when logging is set up anew."""

    def __init__(self, writer: LogWriter) -> None:
        self.stop = writer.stop
        self._writer = writer

    def write(self, message: "Message") -> None:
        """Make the message a line."""
        self._writer.put(_line(message.record))


def _line(record: "Record") -> Line:
    fields = {name: _fit(value) for name, value in record["extra"].items()}
    left_out = fields.pop("left_out", 0)
    failure = record["exception"]
    return Line(
        time=record["time"],
        level=record["level"].name,
        sentence=shortened(record["message"], LONGEST_FIELD),
        fields=fields,
        exception=_trace(failure.type, failure.value, failure.traceback) if failure else None,
        left_out=left_out if isinstance(left_out, int) else 0,
    )


def _fit(value: object) -> object:
    """Lists are ours and as long as a batch; text is anybody's."""
    if isinstance(value, int | float | list | None):
        return value
    # JSON has no way to write half a surrogate.
    return shortened(str(value), LONGEST_FIELD).encode(errors="backslashreplace").decode()


def _trace(kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> str:
    text = "".join(traceback.format_exception(kind, error, where)).rstrip()
    return shortened(text, _LONGEST_EXCEPTION).encode(errors="backslashreplace").decode()


def _notice(dropped: int) -> Line:
    return Line(
        time=datetime.now(UTC),
        level="WARNING",
        sentence="Lines of log were dropped, because nobody read them",
        fields={"lines": dropped},
    )


def _as_json(line: Line) -> bytes:
    document: dict[str, object] = {
        "time": line.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": line.level,
        "message": line.sentence,
    }
    if line.exception is not None:
        document["exception"] = line.exception
    if line.left_out:
        document["left_out"] = line.left_out
    # What was bound cannot overwrite what the line has itself.
    document |= {name: value for name, value in line.fields.items() if name not in document}
    return printable_json(_encode(document)) + b"\n"


def _as_text(line: Line, *, is_coloured: bool) -> bytes:
    dim, usual = (_DIM, _USUAL) if is_coloured else ("", "")
    colour = _COLOURS.get(line.level, "") if is_coloured else ""
    fields = line.fields | ({"left_out": line.left_out} if line.left_out else {})
    fields_text = "".join(
        f" {name}={_encode(value).decode() if isinstance(value, list) else printable(str(value))}"
        for name, value in fields.items()
    )
    text = (
        f"{dim}{line.time:%H:%M:%S}.{line.time.microsecond // 1000:03}{usual} {colour}{line.level: <7}{usual} "
        f"{printable(line.sentence)}{dim}{fields_text}{usual}\n"
    )
    if line.exception is not None:
        # Set in, so that no line of an error's message can be taken for a line of the log.
        text += "".join(f"    {printable(row)}\n" for row in line.exception.splitlines())
    return text.encode()


def _log_the_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Called by Python with what nobody caught."""
    if issubclass(kind, Exception):
        logger.opt(exception=(kind, error, where)).critical("An error that nobody expected ends the process")
    else:
        sys.__excepthook__(kind, error, where)


def _log_unraisable(failure: "sys.UnraisableHookArgs") -> None:
    """Called by Python with what nobody could catch, as in the end of an object."""
    error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    logger.opt(exception=error).error("An error that nobody could catch")


def _log_the_end_of_a_thread(failure: threading.ExceptHookArgs) -> None:
    """Called by Python with what nobody in a thread caught."""
    error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    logger.opt(exception=error).error("An error that nobody expected ends a thread")


class _ToLoguru(logging.Handler):
    """Hands what the libraries log to loguru, under the name of their logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the standard library, which knows more levels than have names."""
        level = record.levelname if record.levelname in _STANDARD_LEVELS else record.levelno
        logger.bind(logger=record.name).opt(exception=record.exc_info).log(level, record.getMessage())
