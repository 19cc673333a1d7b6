"""Where events are kept: whether the server keeps a commit, whether clocks agree, and whether the journal has room."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted, duration
from parking_gateway.process.config import Config
from parking_gateway.store import diagnosis
from parking_gateway.store.database import Connection
from parking_gateway.store.diagnosis import ServerSettings
from parking_gateway.store.journal_file import NAME

_APART: Final = timedelta(seconds=5)
"""By which the clocks of this machine and of the database may differ."""


async def examine_server(connection: Connection) -> list[Check]:
    """Whether a commit survives a power cut, and whether the server's clock agrees with ours."""
    before = datetime.now(UTC)
    (settings,) = await connection.together(diagnosis.server_settings())
    after = datetime.now(UTC)
    return [*_durability(settings), compared(settings.now, before, after)]


async def examine_spaces(connection: Connection) -> list[Check]:
    """Whether every space has a sensor."""
    (found,) = await connection.together(diagnosis.bare_spaces())
    if not found.spaces:
        detail = "there is none"
        return [Check(about="spaces", detail=detail, fix="parking-gateway spaces import spaces.csv")]
    if found.bare:
        more = ", …" if found.bare > len(found.examples) else ""
        detail = (
            f"{counted(found.bare, 'space')} of {found.spaces:,} without a sensor: {', '.join(found.examples)}{more}"
        )
        return [Check(about="spaces", detail=detail, fix="parking-gateway devices assign DEV_EUI SITE/ZONE/SPACE")]
    return [Check(about="spaces", detail=f"a sensor watches each of {counted(found.spaces, 'space')}")]


def examine_journal_disk(config: Config) -> Iterator[Check]:
    """Whether the disk has room for all that the journal may hold."""
    folder, limit = config.journal_folder, config.journal.max_bytes
    if not limit:
        yield Check(about="journal disk", detail="journal.max_bytes is 0: the broker keeps the events instead")
        return
    try:
        free = shutil.disk_usage(folder).free + _size(folder / NAME)
        owner = folder.stat().st_uid
    except OSError as error:
        detail = f"{folder} cannot be looked at by this user: {error.strerror}"
        yield Check(about="journal disk", detail=detail, is_judged=False)
        return
    if not os.access(folder, os.W_OK, effective_ids=True):
        yield _unwritable(folder, owner)
        return
    room = f"{free / 1e9:.1f} GB are free for the journal in {folder}"
    if free < limit:
        fix = "Make room there, or lower journal.max_bytes"
        yield Check(about="journal disk", detail=f"{room}, and journal.max_bytes is {limit / 1e9:.1f} GB", fix=fix)
    else:
        yield Check(about="journal disk", detail=room)


def _unwritable(folder: Path, owner: int) -> Check:
    """Root may write anywhere but on a read-only file system."""
    if os.geteuid() in (0, owner):
        detail, fix = f"{folder} cannot be written", f"chmod u+w {folder}, or mount its file system writable"
        return Check(about="journal disk", detail=detail, fix=fix)
    detail = f"this user may not write {folder}, and whether the gateway's may is not known: run doctor as its user"
    return Check(about="journal disk", detail=detail, is_judged=False)


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size  # noqa: PTH116 - both forms raise for a file that is not there
    except FileNotFoundError:
        return 0


def _durability(settings: ServerSettings) -> Iterator[Check]:
    values = {
        "fsync": settings.fsync,
        "full_page_writes": settings.full_page_writes,
        "synchronous_commit": settings.synchronous_commit,
    }
    off = [name for name, value in values.items() if value == "off"]
    for name in off:
        detail = f"{name} is off: a power cut loses or damages what is committed, and the broker has it no more"
        fix = f"In psql, as a superuser: alter system set {name} = on; select pg_reload_conf()"
        yield Check(about="durability", detail=detail, fix=fix)
    if not off:
        shown = ", ".join(f"{name} = {value}" for name, value in values.items())
        yield Check(about="durability", detail=f"a commit survives a power cut ({shown})")


def compared(theirs: datetime, before: datetime, after: datetime) -> Check:
    """Compare the server's time with ours at the middle of the question."""
    apart = theirs - (before + (after - before) / 2)
    if abs(apart) <= _APART + (after - before):
        return Check(about="machine clock", detail="this machine and the database agree on the time")
    seconds = timedelta(seconds=round(abs(apart).total_seconds()))
    side = "ahead of" if apart > timedelta(0) else "behind"
    detail = f"the clock of the database is {duration(seconds)} {side} that of this machine"
    return Check(about="machine clock", detail=detail, fix="On both machines: timedatectl set-ntp true")
