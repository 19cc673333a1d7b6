"""The command that decodes stored uplinks again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.choices import Since, Until, dev_eui_of, moment
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import decoder, fail, work_on
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_json, show_line, show_table
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.core.space import SpaceId
    from parking_gateway.register.replay.stored import CodecChange, Result
    from parking_gateway.store.pool import Pool

Devices = Annotated[
    list[str],
    typer.Option("--device", metavar="DEV_EUI", help="16 hexadecimal digits; repeatable.", show_default=False),
]

Archive = Annotated[
    Path | None,
    typer.Option(
        "--archive", metavar="FILE", help="Decode the uplinks of this archive, and no stored ones.", show_default=False
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


def replay(  # noqa: PLR0913 - what is replayed, and how
    *,
    device: Devices,
    since: Since = "",
    until: Until = "",
    archive: Archive = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Decode the stored uplinks of devices again.

    The codecs are those that the devices have now. With --dry-run nothing is changed: two tables show which codecs, with their
    versions, had read the uplinks and which read them now, and which spaces would change.

    The spaces of the devices then are in the state that the newest frames show. The log gets the steps that were missed.
    A running gateway then corrects steps and stays before the last observation, and publishes the changes. Without
    --since it reads all stored uplinks. The rejections of uplinks that can be decoded now are deleted.

    With --archive it decodes uplinks of a month that retention has dropped. They are not stored again: what they bring are
    steps, past readings and the end of rejections.

    For example:

        parking-gateway replay --device a84041000181c061 --since 3d
    """
    from parking_gateway.decoding.budget import Guests  # noqa: PLC0415 - heavy
    from parking_gateway.process.wall_clock import utc  # noqa: PLC0415 - as above
    from parking_gateway.register.replay import archived  # noqa: PLC0415 - as above
    from parking_gateway.register.replay.stored import Replayer  # noqa: PLC0415 - as above
    from parking_gateway.store import car_park  # noqa: PLC0415 - as above
    from parking_gateway.store.archive_file import ArchiveFailed  # noqa: PLC0415 - as above

    effective = configured(config)
    reader = decoder(effective)
    begin, end = moment(since) or _BEGINNING, moment(until)
    devices = [dev_eui_of(one) for one in device]
    try:
        uplinks = None if archive is None else archived.read(archive, devices)
    except ArchiveFailed as failure:
        fail(str(failure))

    async def work(pool: "Pool") -> tuple["Result", "Mapping[SpaceId, tuple[str, str, str]]"]:
        with progress("Replaying", "uplink") as advance:
            replayer = Replayer(
                database=pool,
                guests=Guests(reader),
                clock=utc,
                until=end,
                archived=uplinks,
                is_dry_run=dry_run,
                advance=advance,
            )
            result = await replayer.replay(dict.fromkeys(devices, begin))
        async with pool.connect() as connection:
            (names,) = await connection.commit_together(car_park.space_names(result.states))
        return result, names

    result, names = work_on(effective, work)
    changed = [
        ("/".join(names[one]), before, after) for one, (before, after) in result.states.items() if before != after
    ]
    versions = [(before, now, uplinks) for (before, now), uplinks in sorted(result.codecs.items(), key=_by_names)]
    if as_json:
        show_json(
            {
                "dry_run": dry_run,
                "uplinks": result.replayed.uplinks,
                "unreadable": result.replayed.unreadable,
                "transitions": result.replayed.transitions,
                "rejections": {"recorded": result.recorded, "remaining": result.remaining},
                "codecs": [
                    {"read_by": before and str(before), "now": now and str(now), "uplinks": uplinks}
                    for before, now, uplinks in versions
                ],
                "spaces": [{"space": space, "before": before, "after": after} for space, before, after in changed],
            }
        )
        return
    _show(result, noun="archived uplink" if archive else "stored uplink", dry_run=dry_run)
    if dry_run and versions:
        show_line("")
        show_table(("was read by", "is read by", "uplinks"), versions)
    if dry_run and changed:
        show_line("")
        show_table(("space", "state", "state after"), changed)


def _show(result: "Result", *, noun: str, dry_run: bool) -> None:
    show_line(
        f"{'Would replay' if dry_run else 'Replayed'}: {counted(result.replayed.uplinks, noun)},"
        f" {result.replayed.unreadable:,} unreadable, with {counted(result.replayed.transitions, 'state change')}."
    )
    if result.recorded:
        show_line(
            f"{'Would delete' if dry_run else 'Deleted'}: {counted(result.recorded, 'rejection')} of uplinks that can be"
            " decoded now."
        )
    if dry_run:
        show_line("This was a dry run: nothing was changed.")


def _by_names(counted: "tuple[CodecChange, int]") -> tuple[str, str]:
    (before, now), _ = counted
    return str(now), str(before)


_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
