"""Calendars of spaces and zones: imported as reservations, and exported."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from parking_gateway.cli.asked import ask, carry_out, place_of
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, fail
from parking_gateway.cli.shown import show_errors, show_json, show_line, show_remark

if TYPE_CHECKING:
    from parking_gateway.requests.desk import Answer, Desk, Refusal
    from parking_gateway.store.reservations import ListedReservation

_MOST = 10_000
"""Reservations of one list."""
Ended = Annotated[bool, typer.Option("--ended", help="Ended ones too.")]
Audience = Annotated[
    str | None,
    typer.Option("--audience", metavar="NAME", help="Of any free space, such as ev or disabled.", show_default=False),
]
CalendarFile = Annotated[Path, typer.Argument(metavar="FILE", help="An iCalendar file.", show_default=False)]
OfSpace = Annotated[
    str | None, typer.Option("--space", metavar="SITE/ZONE/SPACE", help="Whose calendar it is.", show_default=False)
]
OfZone = Annotated[
    str | None, typer.Option("--zone", metavar="SITE/ZONE", help="Whose calendar it is.", show_default=False)
]
Days = Annotated[
    int, typer.Option("--days", min=1, max=3660, help="How far ahead events reserve spaces.", show_default=True)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the outcome and change nothing.")]
ExportedFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Standard output, if left out.", show_default=False)
]
ExportedPlace = Annotated[
    str | None,
    typer.Option("--of", metavar="PLACE", help="SITE, SITE/ZONE or SITE/ZONE/SPACE.", show_default=False),
]


def import_(  # noqa: PLR0913 - each is an option
    file: CalendarFile,
    *,
    space: OfSpace = None,
    zone: OfZone = None,
    audience: Audience = None,
    days: Days = 90,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Import the calendar of a space or zone.

    Each event reserves that space, or any free space of the zone. The file can be imported again. Events that have moved are moved, and those that the file does not have any more are
    cancelled. Needs the extra parking-gateway[calendars].

    For example:

        parking-gateway reservations import meetings.ics --zone central/visitors --days 30
    """
    named = _calendar_place(space, zone)
    effective = configured(config)
    _require_calendars()
    content = bytes_of(file)

    async def work(desk: "Desk") -> "Answer | Refusal":
        from parking_gateway.requests.calendars import import_file  # noqa: PLC0415 - heavy

        return await import_file(desk, content, named, days=days, audience=audience)

    outcome = carry_out(effective, work, dry_run=dry_run).data
    if as_json:
        show_json({"dry_run": dry_run} | msgspec.to_builtins(outcome))
    else:
        show_errors(outcome.refused)
        counts = (("created", outcome.created), ("moved", outcome.moved), ("cancelled", outcome.cancelled))
        show_line(", ".join(f"{number:,} {word}" for word, number in (*counts, ("unchanged", outcome.unchanged))) + ".")
        if dry_run:
            show_line("This was a dry run: nothing was changed.")
    if outcome.refused:
        raise typer.Exit(1)


def export(
    file: ExportedFile = None, *, place: ExportedPlace = None, ended: Ended = False, config: ConfigFile = None
) -> None:
    """Export reservations as an iCalendar file. Needs the extra parking-gateway[calendars].

    For example:

        parking-gateway reservations export reservations.ics --of central/level-1
    """
    _require_calendars()
    from parking_gateway.register import calendar_files  # noqa: PLC0415 - heavy

    found = listed(place_of(place) if place else {}, ended=ended, config=config)
    content = calendar_files.write(found, now=datetime.now(UTC))
    if file is None:
        typer.echo(content, nl=False)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")


def listed(sought: Mapping[str, Any], *, ended: bool, config: ConfigFile) -> "list[ListedReservation]":
    """The reservations of a place or time."""
    limits = {"ended": ended, "limit": _MOST}
    found: list[ListedReservation] = ask(configured(config), "reservation/list", {**sought, **limits}).data[
        "reservations"
    ]
    if len(found) == _MOST:
        show_remark(f"These are the first {_MOST:,} reservations. Name a place or a time to see others.")
    return found


def _calendar_place(space: str | None, zone: str | None) -> dict[str, str]:
    if (space is None) == (zone is None):
        fail("Say whose calendar it is: --space SITE/ZONE/SPACE or --zone SITE/ZONE.")
    text, names = (space, 3) if space is not None else (zone, 2)
    named = place_of(text or "")
    if len(named) != names:
        fail(f"{text!r} names no {'space: write SITE/ZONE/SPACE' if space is not None else 'zone: write SITE/ZONE'}.")
    return named


def _require_calendars() -> None:
    if find_spec("recurring_ical_events") is None or find_spec("icalendar") is None:
        fail("Calendars need two libraries: pip install 'parking-gateway[calendars]'.")
