"""Commands about zones that are counted at their entries and exits."""

from typing import Annotated, Any

import typer

from parking_gateway.cli.asked import ask, place_of
from parking_gateway.cli.commands.configuration import AsJson, CodecOptions, ConfigFile, configured
from parking_gateway.cli.opened import fail, query_once
from parking_gateway.cli.shown import show_json, show_line, show_table

app = typer.Typer(name="counter", help="Install counters at entries and exits of zones.", no_args_is_help=True)

ZoneArgument = Annotated[str, typer.Argument(metavar="SITE/ZONE", help="An existing zone.", show_default=False)]
CounterArgument = Annotated[str, typer.Argument(metavar="DEV_EUI", help="16 hexadecimal digits.", show_default=False)]
CountArgument = Annotated[int, typer.Argument(metavar="CARS", help="How many are there.", show_default=False)]
DirectionOption = Annotated[str, typer.Option("--direction", metavar="in|out|both", help="What passes the counter.")]
ChannelOption = Annotated[int, typer.Option("--channel", metavar="N", help="The line, where a device has several.")]
CodecOption = Annotated[
    str | None,
    typer.Option("--codec", metavar="NAME", help="The codec, else that of the tag or profile.", show_default=False),
]


def set_count(zone: ZoneArgument, cars: CountArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Set the count of a zone, because a person has counted its cars.

    For example:

        parking-gateway zones set-count central/park 37
    """
    data = _asked("zone/set-count", _zone(zone) | {"count": cars}, config)
    if as_json:
        show_json(data)
        return
    show_line(f"{zone}: {data['count']}, before it was {data['before']} with a drift of {data['drift']}.")


@app.command("add")
def add(  # noqa: PLR0913 - the fields of an installation
    device: CounterArgument,
    zone: ZoneArgument,
    *,
    direction: DirectionOption = "both",
    channel: ChannelOption = 0,
    codec: CodecOption = None,
    option: CodecOptions = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Install a counter at an entry or an exit of a counted zone.

    Its totals begin with its next uplink.

    For example:

        parking-gateway zones counter add 24e124a84041000d central/park --direction in --codec milesight_vs133
    """
    options = dict(one.partition("=")[::2] for one in option or ())
    asked = {"dev_eui": device, "direction": direction, "channel": channel, "codec": codec, "options": options}
    data = _asked("counter/assign", _zone(zone) | asked, config)
    if as_json:
        show_json(data)
        return
    show_line(f"{data['dev_eui']} counts {zone}: {data['direction']}.")


@app.command("remove")
def remove(
    device: CounterArgument, *, channel: ChannelOption = 0, config: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Remove a counter. Its zone keeps its count.

    For example:

        parking-gateway zones counter remove 24e124a84041000d
    """
    data = _asked("counter/unassign", {"dev_eui": device, "channel": channel}, config)
    if as_json:
        show_json(data)
        return
    show_line(f"{data['dev_eui']} counts no zone any more.")


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every counter with its zone.

    For example:

        parking-gateway zones counter list
    """
    from parking_gateway.store import counters  # noqa: PLC0415 - heavy

    found = query_once(configured(config), counters.every())
    if as_json:
        show_json(found)
        return
    show_table(
        _COLUMNS, [(f"{one.site}/{one.zone}", one.dev_eui, one.channel, one.direction, one.codec) for one in found]
    )


_COLUMNS = ("zone", "device", "channel", "direction", "codec")


def _zone(text: str) -> dict[str, Any]:
    named = place_of(text)
    if set(named) != {"site", "zone"}:
        fail(f"{text!r} names no zone: write SITE/ZONE.")
    return dict(named)


def _asked(verb: str, parameters: dict[str, Any], config: ConfigFile) -> dict[str, Any]:
    data: dict[str, Any] = ask(configured(config), verb, parameters).data
    return data
