"""Commands about indicators: lamps and signs that show spaces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parking_gateway.cli.asked import ask, carry_out
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, fail
from parking_gateway.cli.shown import show_json, show_line, show_table
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.requests.desk import Answer, Desk, Refusal

app = typer.Typer(name="indicators", help="Let lamps and signs show spaces.", no_args_is_help=True)

DeviceArgument = Annotated[str, typer.Argument(metavar="DEV_EUI", help="16 hexadecimal digits.", show_default=False)]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="busylight, or a model of downlinks.models.", show_default=False)
]
PlacesArgument = Annotated[
    list[str], typer.Argument(metavar="PLACE...", help="SITE, SITE/ZONE or SITE/ZONE/SPACE.", show_default=False)
]
BufferOption = Annotated[
    int, typer.Option("--buffer", metavar="N", help="Free spaces that it does not show, so that nobody comes in vain.")
]
HysteresisOption = Annotated[
    int, typer.Option("--hysteresis", metavar="N", help="Free spaces that it needs after full, before it shows them.")
]

ImportedFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML.", show_default=False)]
ExportedFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Standard output, if left out.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the outcome and change nothing.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove indicators that the file does not name.")]


@app.command("add")
def add(  # noqa: PLR0913 - what an indicator is
    device: DeviceArgument,
    model: ModelArgument,
    places: PlacesArgument,
    *,
    buffer: BufferOption = 0,
    hysteresis: HysteresisOption = 0,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a lamp or a sign show a space, several spaces, zones or sites.

    It replaces what the device has shown before.

    For example:

        parking-gateway indicators add 202020410a000001 busylight central/level-1/A-012
    """
    parameters = {
        "dev_eui": device,
        "model": model,
        "places": places,
        "buffer": buffer,
        "hysteresis": hysteresis,
    }
    data = ask(configured(config), "indicator/set", parameters).data
    if as_json:
        show_json(data)
        return
    show_line(f"The {model} {device.lower()} shows {counted(data['places'], 'place')}.")


@app.command("remove")
def remove(device: DeviceArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Let a device be no indicator any more. It keeps its last picture.

    For example:

        parking-gateway indicators remove 202020410a000001
    """
    data = ask(configured(config), "indicator/remove", {"dev_eui": device}).data
    if as_json:
        show_json(data)
        return
    show_line(f"The device {device.lower()} is no indicator any more.")


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every indicator with its places and its last downlink.

    For example:

        parking-gateway indicators list
    """
    found: list[dict[str, Any]] = ask(configured(config), "indicator/list", {}).data["indicators"]
    if as_json:
        show_json(found)
        return
    columns = ("device", "name", "model", "places", "buffer", "hysteresis", "downlink")
    rows = [
        (
            one["dev_eui"],
            one["name"],
            one["model"],
            ", ".join(one["places"]),
            one["buffer"],
            one["hysteresis"],
            one["state"],
        )
        for one in found
    ]
    show_table(columns, rows)


@app.command("import")
def import_(
    file: ImportedFile,
    *,
    config: ConfigFile = None,
    prune: Prune = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import indicators from a file. With a mistake in one of them, nothing is imported.

    For example:

        parking-gateway indicators import indicators.toml --prune --dry-run
    """
    from parking_gateway.register import indicator_files  # noqa: PLC0415 - heavy
    from parking_gateway.register.entries import Mistake  # noqa: PLC0415 - as above
    from parking_gateway.requests.answering import answer  # noqa: PLC0415 - as above
    from parking_gateway.requests.desk import Answer, Refusal  # noqa: PLC0415 - as above

    tables = indicator_files.read(bytes_of(file))
    if isinstance(tables, Mistake):
        fail(f"{tables}.")
    named = {str(table.get("dev_eui")).lower() for table in tables}

    async def work(desk: "Desk") -> "Answer | Refusal":
        for number, table in enumerate(tables, 1):
            outcome = await answer(desk, "indicator/set", table)
            if isinstance(outcome, Refusal):
                return Refusal(outcome.code, f"indicator {number}: {outcome.message}")
        known = await answer(desk, "indicator/list", {})
        found = known.data["indicators"] if isinstance(known, Answer) else []
        doomed = [one["dev_eui"] for one in found if prune and one["dev_eui"] not in named]
        for dev_eui in doomed:
            await answer(desk, "indicator/remove", {"dev_eui": dev_eui})
        return Answer({"set": len(named), "removed": doomed})

    data = carry_out(configured(config), work, dry_run=dry_run).data
    if as_json:
        show_json(data)
        return
    show_line(f"{counted(data['set'], 'indicator')} set, {len(data['removed'])} removed.")
    if dry_run:
        show_line("This was a dry run: nothing is changed.")


@app.command("export")
def export(file: ExportedFile = None, *, config: ConfigFile = None) -> None:
    """Export all indicators as a file that can be imported.

    For example:

        parking-gateway indicators export indicators.toml
    """
    from parking_gateway.register import indicator_files  # noqa: PLC0415 - heavy

    found = ask(configured(config), "indicator/list", {}).data["indicators"]
    columns = ("dev_eui", "model", "places", "buffer", "hysteresis")
    text = indicator_files.text_of({column: one[column] for column in columns} for one in found)
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
