"""Commands about indicators: lamps and signs that show spaces."""

from typing import Annotated, Any

import typer

from parking_gateway.cli.asked import ask
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.shown import show_json, show_line, show_table
from parking_gateway.core.wording import counted

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
    """List every indicator with its places, and how far its last downlink has come.

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
