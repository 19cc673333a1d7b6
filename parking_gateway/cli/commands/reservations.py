"""Commands about reservations: the same verbs as over MQTT, and calendars."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import msgspec
import typer

from parking_gateway.cli.asked import ask, carry_out, place_of
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, fail
from parking_gateway.cli.shown import show_error, show_json, show_line, show_table

if TYPE_CHECKING:
    from parking_gateway.requests.desk import Answer, Desk, Refusal
    from parking_gateway.store.reservations import ListedReservation

app = typer.Typer(
    name="reservations", help="Reserve spaces, and list, extend and cancel reservations.", no_args_is_help=True
)

_TIME = "TIME"
_ABOUT_TIMES = "Without an offset it is the local time of the site."
Place = Annotated[
    str, typer.Argument(metavar="PLACE", help="SITE/ZONE/SPACE, or SITE/ZONE for any free space.", show_default=False)
]
ListedPlace = Annotated[
    str | None, typer.Argument(metavar="PLACE", help="SITE, SITE/ZONE or SITE/ZONE/SPACE.", show_default=False)
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the reservation.", show_default=False)]
From = Annotated[
    str, typer.Option("--from", metavar=_TIME, help=f"Such as 2026-12-01T08:00. {_ABOUT_TIMES}", show_default=False)
]
Until = Annotated[str, typer.Option("--until", metavar=_TIME, help="Its end, likewise.", show_default=False)]
SinceWhen = Annotated[
    str | None,
    typer.Option("--from", metavar=_TIME, help="Leave out earlier ones. Without an offset: UTC.", show_default=False),
]
UntilWhen = Annotated[
    str | None, typer.Option("--until", metavar=_TIME, help="Leave out later ones, likewise.", show_default=False)
]
Audience = Annotated[
    str | None,
    typer.Option("--audience", metavar="NAME", help="Of any free space, such as ev or disabled.", show_default=False),
]
Holder = Annotated[str | None, typer.Option("--holder", metavar="TEXT", help="For whom it is.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", show_default=False)]
RequestId = Annotated[
    str | None,
    typer.Option(
        "--request-id", metavar="ID", help="A repeated command with this id reserves once.", show_default=False
    ),
]

Ended = Annotated[bool, typer.Option("--ended", help="Ended ones too.")]
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


@app.command("create")
def create(  # noqa: PLR0913 - each is an option
    place: Place,
    *,
    start: From,
    end: Until,
    audience: Audience = None,
    holder: Holder = None,
    note: Note = None,
    request_id: RequestId = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Reserve a space, or any free space of a zone.

    For example:

        parking-gateway reservations create central/level-1/A-012 --from 2026-12-01T08:00 --until 2026-12-01T18:00
    """
    named = place_of(place)
    if "zone" not in named:
        fail(f"{place!r} names no space and no zone: write SITE/ZONE/SPACE or SITE/ZONE.")
    wish: dict[str, Any] = {
        "start": _time(start),
        "end": _time(end),
        "audience": audience,
        "holder": holder,
        "note": note,
        "request_id": request_id or str(uuid4()),
    }
    _show(ask(configured(config), "reservation/create", named | wish).data, as_json=as_json)


@app.command("cancel")
def cancel(reservation: Id, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Cancel a reservation.

    For example:

        parking-gateway reservations cancel 4711
    """
    _show(ask(configured(config), "reservation/cancel", {"reservation": reservation}).data, as_json=as_json)


@app.command("extend")
def extend(reservation: Id, *, end: Until, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Set another end of a reservation, which may be earlier too.

    For example:

        parking-gateway reservations extend 4711 --until 2026-12-01T19:00
    """
    wish = {"reservation": reservation, "end": _time(end)}
    _show(ask(configured(config), "reservation/extend", wish).data, as_json=as_json)


@app.command("list")
def list_(
    place: ListedPlace = None,
    *,
    start: SinceWhen = None,
    end: UntilWhen = None,
    ended: Ended = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List reservations by their starts.

    For example:

        parking-gateway reservations list central/level-1
    """
    sought: dict[str, Any] = place_of(place) if place else {}
    sought |= {"start": start and _in_utc(start), "end": end and _in_utc(end), "ended": ended, "limit": 10_000}
    found: list[ListedReservation] = ask(configured(config), "reservation/list", sought).data["reservations"]
    if as_json:
        show_json(found)
        return
    show_table(_COLUMNS, [_row(one) for one in found])


@app.command("import")
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
    """Import the calendar of a space or zone: each event reserves that space, or any free space of the zone.

    The file can be imported again. Events that have moved are moved, and those that the file does not have any more are
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
        for sentence in outcome.refused:
            show_error(sentence)
        counts = (("created", outcome.created), ("moved", outcome.moved), ("cancelled", outcome.cancelled))
        show_line(", ".join(f"{number:,} {word}" for word, number in (*counts, ("unchanged", outcome.unchanged))) + ".")
        if dry_run:
            show_line("This was a dry run: nothing was changed.")
    if outcome.refused:
        raise typer.Exit(1)


@app.command("export")
def export(
    file: ExportedFile = None, *, place: ExportedPlace = None, ended: Ended = False, config: ConfigFile = None
) -> None:
    """Export reservations as an iCalendar file. Needs the extra parking-gateway[calendars].

    For example:

        parking-gateway reservations export reservations.ics --of central/level-1
    """
    _require_calendars()
    from parking_gateway.register import calendar_files  # noqa: PLC0415 - heavy

    sought = (place_of(place) if place else {}) | {"ended": ended, "limit": 10_000}
    found = ask(configured(config), "reservation/list", sought).data["reservations"]
    content = calendar_files.write(found, now=datetime.now(UTC))
    if file is None:
        typer.echo(content, nl=False)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")


_COLUMNS = ("id", "site", "zone", "space", "start (UTC)", "end (UTC)", "status", "holder", "note", "by")


def _row(one: "ListedReservation") -> tuple[object, ...]:
    place = (one.reservation, one.site, one.zone, one.space)
    return *place, one.start, one.end, one.status, one.holder, one.note, one.by


def _show(one: "ListedReservation", *, as_json: bool) -> None:
    if as_json:
        show_json(one)
        return
    span = f"{one.start:%Y-%m-%d %H:%M} to {one.end:%Y-%m-%d %H:%M} UTC"
    show_line(f"Reservation {one.reservation}: {one.site}/{one.zone}/{one.space}, {span}, {one.status}.")


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


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no time: write it as 2026-12-01T08:00 or 2026-12-01T08:00:00+01:00.")


def _in_utc(text: str) -> datetime:
    at = _time(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
