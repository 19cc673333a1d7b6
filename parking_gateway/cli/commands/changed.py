"""What the commands have in common that change the register: their options, and their output."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from parking_gateway.cli.asked import PLACE, ask, place_of
from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import fail, query_once
from parking_gateway.cli.shown import show_json, show_line, show_table

if TYPE_CHECKING:
    from parking_gateway.register.removing import Removed
    from parking_gateway.register.settings import Kind

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")]
WithSpaces = Annotated[bool, typer.Option("--with-spaces", help="Remove its spaces too.")]
NewName = Annotated[str, typer.Argument(metavar="NEW", help="The new name.", show_default=False)]
SettingsArgument = Annotated[
    list[str],
    typer.Argument(metavar="NAME=VALUE...", help="Settings. Without a value: the default.", show_default=False),
]


def place_with(text: str, names: int) -> dict[str, str]:
    """The names in a place of so many levels. Else the command fails."""
    found = place_of(text)
    if len(found) != names:
        fail(f"{text!r} must be {'/'.join(PLACE[:names]).upper()}.")
    return found


def rename(text: str, new: str, names: int, *, config: ConfigFile, as_json: bool) -> None:
    """Rename a place of so many levels. The new name of a space can be one in another zone of its site."""
    place = place_with(text, names)
    *before, name = new.split("/")
    given: dict[str, Any] = {"name": name}
    if before:
        before_of_old = list(place.values())[:-1]
        if names != len(PLACE) or len(before) != len(before_of_old) or before[0] != before_of_old[0]:
            fail(f"{new!r} is no new name for {text}: write the last name alone, or that of a space in its site.")
        given["to_zone"] = before[1]
    data = ask(configured(config), f"{PLACE[names - 1]}/rename", place | given).data
    if as_json:
        show_json(data)
        return
    show_line(f"Renamed: {text} is {data['name']} now.")


def remove(
    text: str, names: int, *, config: ConfigFile, dry_run: bool, as_json: bool, with_spaces: bool | None = None
) -> None:
    """Remove a place of so many levels, or say what would go."""
    from parking_gateway.register.summary import sentences_of  # noqa: PLC0415 - heavy

    parameters: dict[str, Any] = place_with(text, names) | {"dry_run": dry_run, "with_spaces": with_spaces}
    removed: Removed = ask(configured(config), f"{PLACE[names - 1]}/remove", parameters).data
    if as_json:
        show_json({"dry_run": dry_run} | msgspec.to_builtins(removed))
        return
    for sentence in sentences_of(removed):
        show_line(sentence)
    if dry_run:
        show_line("This was a dry run: nothing was changed.")


def set_(text: str, names: int, given: list[str], *, config: ConfigFile, as_json: bool) -> None:
    """Change settings of a place of so many levels."""
    settings: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            fail(f"{one!r} is no setting: write NAME=VALUE.")
        settings[name.strip()] = value
    data = ask(configured(config), f"{PLACE[names - 1]}/set", place_with(text, names) | {"settings": settings}).data
    if as_json:
        show_json(data)
        return
    show_line(f"{text} has these settings now." if data["changed"] else f"{text} had these settings already.")


def list_(kind: "Kind", names: int, *, config: ConfigFile, as_json: bool) -> None:
    """List the places of so many levels with their settings."""
    from parking_gateway.register.settings import SETTINGS  # noqa: PLC0415 - heavy
    from parking_gateway.store import settings  # noqa: PLC0415 - as above

    rows = query_once(configured(config), settings.listed(list(SETTINGS[kind]), of_sites=names == 1))
    if as_json:
        show_json(rows)
        return
    columns = [*PLACE[:names], "spaces", *SETTINGS[kind]]
    show_table(columns, [[_shown(row[column]) for column in columns] for row in rows])


def _shown(value: object) -> object:
    """A setting as a cell: limits of stays as they are written in a file."""
    if not isinstance(value, list):
        return value
    from parking_gateway.core.stay_limit import StayLimit  # noqa: PLC0415 - for this cell alone
    from parking_gateway.register.cells import stay_limit_text  # noqa: PLC0415 - heavy

    return "; ".join(stay_limit_text(one) for one in msgspec.convert(value, list[StayLimit]))
