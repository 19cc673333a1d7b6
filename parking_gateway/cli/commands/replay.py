"""The command that decodes stored uplinks again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.choices import Since, Until, dev_eui_of, moment
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import decoder, fail, work_on
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_json, show_line
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.register.replay.stored import Result
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


def replay(
    *,
    device: Devices,
    since: Since = "",
    until: Until = "",
    archive: Archive = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Decode the stored uplinks of devices again.

    The codecs are those that the devices have now.

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
    from parking_gateway.store.archive_file import ArchiveFailed  # noqa: PLC0415 - as above

    effective = configured(config)
    reader = decoder(effective)
    begin, end = moment(since) or _BEGINNING, moment(until)
    devices = [dev_eui_of(one) for one in device]
    try:
        uplinks = None if archive is None else archived.read(archive, devices)
    except ArchiveFailed as failure:
        fail(str(failure))

    async def work(pool: "Pool") -> "Result":
        with progress("Replaying", "uplink") as advance:
            replayer = Replayer(
                database=pool, guests=Guests(reader), clock=utc, until=end, archived=uplinks, advance=advance
            )
            return await replayer.replay(dict.fromkeys(devices, begin))

    result = work_on(effective, work)
    if as_json:
        show_json(
            {
                "uplinks": result.replayed.uplinks,
                "unreadable": result.replayed.unreadable,
                "transitions": result.replayed.transitions,
                "rejections": {"recorded": result.recorded, "remaining": result.remaining},
            }
        )
        return
    show_line(
        f"Replayed: {counted(result.replayed.uplinks, 'archived uplink' if archive else 'stored uplink')}, {result.replayed.unreadable:,} unreadable,"
        f" with {counted(result.replayed.transitions, 'state change')}."
    )
    if result.recorded:
        show_line(f"Deleted: {counted(result.recorded, 'rejection')} of uplinks that can be decoded now.")


_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
