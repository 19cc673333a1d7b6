"""Lines of log on standard output: a constant sentence with bound fields, our own and those of the libraries alike."""

import logging
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

_STANDARD_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def set_up_logging(level: str, log_format: Literal["json", "text"]) -> None:
    """Replace whatever logged before. `json` is for journald and other collectors, `text` for people.

    What the libraries say below WARNING is shown at TRACE only: it is a line for every packet and statement.
    """
    logger.remove()
    if log_format == "json":
        logger.add(_write_json, level=level, format=_only_exception, backtrace=False, diagnose=False)
    else:
        logger.add(sys.stdout, level=level, format=_text, backtrace=False, diagnose=False)
    libraries = logging.DEBUG if level == "TRACE" else max(logging.WARNING, logger.level(level).no)
    logging.basicConfig(handlers=[_ToLoguru()], level=libraries, force=True)


def _write_json(message: "Message") -> None:
    record = message.record
    line: dict[str, object] = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "message": record["message"],
    }
    if message:
        line["exception"] = str(message).rstrip()
    # What was bound cannot overwrite the three that every line has.
    line |= {name: value for name, value in record["extra"].items() if name not in line}
    sys.stdout.write(_encode(line).decode() + "\n")
    sys.stdout.flush()


def _only_exception(_record: "Record") -> str:
    return "{exception}"


def _text(record: "Record") -> str:
    fields = "".join(f" {name}={{extra[{name}]}}" for name in record["extra"])
    record["extra"] = {
        name: _encode(value).decode() if isinstance(value, list) else value for name, value in record["extra"].items()
    }
    return (
        f"<dim>{{time:HH:mm:ss.SSS}}</dim> <level>{{level: <7}}</level> {{message}}<dim>{fields}</dim>\n{{exception}}"
    )


class _ToLoguru(logging.Handler):
    """Hands what the libraries log to loguru, under the name of their logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the standard library, which knows more levels than have names."""
        level = record.levelname if record.levelname in _STANDARD_LEVELS else record.levelno
        logger.bind(logger=record.name).opt(exception=record.exc_info).log(level, record.getMessage())
