"""Compares what two codecs, or two versions of one, read in many uplinks: `decode --all`."""

import gzip
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import typer

from parking_gateway.cli.opened import decoder, fail, work_on
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_line, show_remark, show_table
from parking_gateway.core.events import DevEui
from parking_gateway.core.printable import printable_json
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.decoding.codecs import Codec
    from parking_gateway.decoding.comparing import Asked, Compared, Comparison, Differences
    from parking_gateway.process.config import Config
    from parking_gateway.store.pool import Pool

STORED: Final = "stored"
"""The uplinks of the database, and no file."""
MOST_KINDS: Final = 30
"""Lines of the table of differences. A field that differs in all uplinks is one line."""
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)


class Range(NamedTuple):
    """Which uplinks are compared."""

    devices: Sequence[DevEui]
    """Empty: of all devices."""
    since: datetime | None
    until: datetime | None

    def holds(self, asked: "Asked") -> bool:
        """Whether an uplink of a file is one of them."""
        at = asked.frame.received_at
        is_of_device = not self.devices or asked.dev_eui in self.devices
        return is_of_device and (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def compare_uplinks(
    source: str, name: str, options: Mapping[str, str], chosen: Range, config: "Config", *, as_json: bool
) -> None:
    """Compare and show. The command ends with status 1 if readings differ, or if something cannot be read."""
    from parking_gateway.decoding.comparing import Comparison, Differences  # noqa: PLC0415 - heavy

    folder = config.decoders.folder
    comparison = Comparison(folder, other=_codec(name, folder) if name else None, options=options)
    found = Differences()
    if source == STORED:
        _compare_stored(comparison, found, chosen, config, as_json=as_json)
    else:
        for asked in _of_file(source, config):
            if chosen.holds(asked):
                _add(found, comparison.compare(asked), as_json=as_json)
    if not as_json:
        _show(found)
    if found.differing:
        raise typer.Exit(1)


def _codec(name: str, folder: Path | None) -> "Codec":
    from parking_gateway.decoding import codecs  # noqa: PLC0415 - as above

    file = Path(name)
    try:
        if file.suffix in {".py", ".toml", ".js"}:
            return codecs.load(file)
        return codecs.find(name, dropins=folder)
    except codecs.CodecNotFound as mistake:
        fail(str(mistake))


def _compare_stored(
    comparison: "Comparison", found: "Differences", chosen: Range, config: "Config", *, as_json: bool
) -> None:
    from parking_gateway.register.replay import asking  # noqa: PLC0415 - as above

    reader = decoder(config)

    async def work(pool: "Pool") -> None:
        pages = asking.stored(
            pool, reader, devices=chosen.devices, since=chosen.since or _BEGINNING, until=chosen.until
        )
        with progress("Comparing", "uplink") as advance:
            async for page in pages:
                for asked in page:
                    _add(found, comparison.compare(asked), as_json=as_json)
                advance(found.uplinks)

    work_on(config, work)


def _of_file(source: str, config: "Config") -> "Iterator[Asked]":
    from parking_gateway.gateway.opening import limits_of  # noqa: PLC0415 - as above
    from parking_gateway.register.replay import asking  # noqa: PLC0415 - as above

    reader = decoder(config)
    try:
        yield from asking.lines(_lines(source), reader, limits=limits_of(config), now=datetime.now(UTC))
    except asking.BadLine as mistake:
        fail(f"{source}: {mistake}")
    except OSError as error:
        fail(f"{source} cannot be read: {error.strerror or error}.")
    except (EOFError, zlib.error) as error:  # of a compressed file that is cut off, or has other bytes
        fail(f"{source} is damaged and cannot be read to its end: {error}.")


def _lines(source: str) -> Iterator[bytes]:
    if source == "-":
        yield from sys.stdin.buffer
        return
    with gzip.open(source, "rb") if source.endswith(".gz") else Path(source).open("rb") as lines:
        yield from lines


def _add(found: "Differences", one: "Compared | None", *, as_json: bool) -> None:
    from parking_gateway.register.replay.asking import line_of  # noqa: PLC0415 - as above

    found.add(one)
    if not as_json or one is None:
        return
    document: dict[str, Any] = line_of(one.asked, one.reading, one.now)
    if one.differs:
        document["differs"] = {field: {"before": before, "now": now} for field, (before, now) in one.differs.items()}
    sys.stdout.buffer.write(printable_json(msgspec.json.encode(document)) + b"\n")


def _show(found: "Differences") -> None:
    if found.kinds:
        kinds = found.kinds.most_common(MOST_KINDS)
        columns = ("codec", "field", "before", "now", "uplinks", "for example", "device", "heard at (UTC)")
        show_table(columns, [(*kind, uplinks, *_example(found.examples[kind], kind.field)) for kind, uplinks in kinds])
        if len(found.kinds) > MOST_KINDS:
            show_remark(f"… and {len(found.kinds) - MOST_KINDS:,} more kinds of differences: --json has all of them.")
        show_line("")
    if found.versions:
        rows = [(before or None, now, uplinks) for (before, now), uplinks in sorted(found.versions.items())]
        show_table(("was read by", "is read by", "uplinks"), rows)
        show_line("")
    show_line(
        f"{counted(found.uplinks, 'uplink')}: {found.compared:,} compared, {found.differing:,} of them read"
        f" differently, {found.undecodable:,} undecodable now, {found.without_codec:,} without a codec."
    )
    if found.uplinks and not found.compared:
        show_remark(
            "Nothing is known of earlier readings: name another codec, or compare lines that `decode --all … --json` wrote."
        )


def _example(one: "Compared", field: str) -> tuple[object, ...]:
    before, now = one.differs[field]
    shown = "-" if before is None else before, "-" if now is None else now
    return f"{shown[0]} → {shown[1]}", one.asked.dev_eui, one.asked.frame.received_at
