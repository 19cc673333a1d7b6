"""The log on standard output. A line is a constant sentence with fields; libraries log through it too.

A field cannot break a line or command a terminal: long text is cut, and control characters are escaped.
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

from loguru import logger

from parking_gateway.core.printable import shortened
from parking_gateway.process.systemd import is_journal
from parking_gateway.telemetry.log_formats import Render, as_json, as_text, in_journal
from parking_gateway.telemetry.log_writer import LogWriter
from parking_gateway.telemetry.repetitions import Line

if TYPE_CHECKING:
    from loguru import Message, Record

LONGEST_FIELD: Final = 500
"""Characters of a topic, a name, a detail or an error. Longer text keeps its beginning and its end."""
_LONGEST_EXCEPTION: Final = 20_000
_STDOUT: Final = 1
_STANDARD_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_writers: Final[list[LogWriter]] = []
"""The writers of this process, the present one last."""


LogFormat = Literal["auto", "json", "text"]


def set_up_logging(level: str, log_format: LogFormat) -> None:
    """Set up the log, in place of an earlier one. `auto` is text for a terminal and for systemd's journal, else JSON.

    Libraries log a line for every packet and statement, so their lines below WARNING are shown at TRACE only. An error that
    ends the process is a line of the log too, because standard error may be the same pipe.
    """
    logger.remove()
    # If the parent process closed standard output, a connection may have its number by now.
    descriptor = os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else _STDOUT
    _writers.append(LogWriter(descriptor, render=_rendering(log_format), notice=_notice))
    logger.add(_Sink(_writers[-1]), level=level, format="")
    libraries = logging.DEBUG if level == "TRACE" else max(logging.WARNING, logger.level(level).no)
    logging.basicConfig(handlers=[_ToLoguru()], level=libraries, force=True)
    logging.captureWarnings(capture=True)
    # Python's own hooks write to standard error, which may be the same pipe, and would block.
    sys.excepthook = _log_the_end
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_the_end_of_a_thread


def _rendering(log_format: LogFormat) -> Render:
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    to_journal = sys.stdout is not None and is_journal(_STDOUT)
    is_text = log_format == "text" or (log_format == "auto" and (is_terminal or to_journal))
    if to_journal:
        return partial(in_journal, as_text if is_text else as_json)
    is_coloured = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return partial(as_text, is_coloured=is_coloured) if is_text else as_json


def lines_dropped() -> int:
    """Lines of log that this process dropped."""
    return sum(writer.dropped for writer in _writers)


class _Sink:
    """Takes the messages of loguru. Loguru calls `stop` at the end of the process, and when the log is set up again."""

    def __init__(self, writer: LogWriter) -> None:
        self.stop = writer.stop
        self._writer = writer

    def write(self, message: "Message") -> None:
        """Put the message into the log as a line."""
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
    """The value, cut where it is text. Lists are our own and at most as long as a batch."""
    if isinstance(value, int | float | list | None):
        return value
    # JSON cannot hold half of a surrogate pair.
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


def _log_the_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Called by Python with an error that nothing caught."""
    if issubclass(kind, Exception):
        logger.opt(exception=(kind, error, where)).critical("An unexpected error ends the process")
    else:
        sys.__excepthook__(kind, error, where)


def _log_unraisable(failure: "sys.UnraisableHookArgs") -> None:
    """Called by Python with an error in a finaliser, which nothing can catch."""
    error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    logger.opt(exception=error).error("An unexpected error in a finaliser")


def _log_the_end_of_a_thread(failure: threading.ExceptHookArgs) -> None:
    """Called by Python with an error that nothing in a thread caught."""
    error = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    logger.opt(exception=error).error("An unexpected error ends a thread")


class _ToLoguru(logging.Handler):
    """Passes the log of the libraries to loguru, with the name of their logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the standard library, which also has levels without a name."""
        level = record.levelname if record.levelname in _STANDARD_LEVELS else record.levelno
        logger.bind(logger=record.name).opt(exception=record.exc_info).log(level, record.getMessage())
