"""Commands about reservations: the same verbs as over MQTT, and calendars."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from parking_gateway.cli.asked import ask, place_of
from parking_gateway.cli.commands import calendars
from parking_gateway.cli.commands.calendars import Audience, Ended, listed
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_json, show_line, show_table

if TYPE_CHECKING:
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
Holder = Annotated[str | None, typer.Option("--holder", metavar="TEXT", help="For whom it is.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", show_default=False)]
RequestId = Annotated[
    str | None,
    typer.Option(
        "--request-id", metavar="ID", help="A repeated command with this id reserves once.", show_default=False
    ),
]
app.command("import")(calendars.import_)
app.command("export")(calendars.export)


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
    sought |= {"start": start and _in_utc(start), "end": end and _in_utc(end)}
    found = listed(sought, ended=ended, config=config)
    if as_json:
        show_json(found)
        return
    show_table(_COLUMNS, [_row(one) for one in found])


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


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no time: write it as 2026-12-01T08:00 or 2026-12-01T08:00:00+01:00.")


def _in_utc(text: str) -> datetime:
    at = _time(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
