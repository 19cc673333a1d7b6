"""The command that lets a device be observed, or ends that."""

from typing import Annotated

import typer

from parking_gateway.cli.asked import ask
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_json, show_line
from parking_gateway.core.wording import counted

DeviceArgument = Annotated[str, typer.Argument(metavar="DEV_EUI", help="16 hexadecimal digits.", show_default=False)]
UplinksArgument = Annotated[
    str, typer.Argument(metavar="[N|on|off]", help="For so many uplinks, until you end it, or no more.")
]
OneChannelOption = Annotated[
    int | None, typer.Option("--channel", metavar="N", help="Only this sensor of the device.", show_default=False)
]


def observe(
    device: DeviceArgument,
    uplinks: UplinksArgument = "on",
    *,
    channel: OneChannelOption = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Observe a device that is installed, or end that.

    The uplinks of an observed device are decoded, recorded and published on the topic of the device. Its space is not changed: without
    another sensor it is not live. After the end, the next uplink is the first. `doctor --devices` compares the device with what
    `truth` has.

    For example:

        parking-gateway devices observe a84041000181c061 50
    """
    asked = {"dev_eui": device, "channel": channel, "observe": observed(uplinks)}
    data = ask(configured(config), "device/observe", asked).data
    if as_json:
        show_json(data)
        return
    places, left = ", ".join(data["spaces"]), data["observe"]
    if left is None:
        show_line(f"Not observed any more: {device}. Its next uplink decides {places}.")
        return
    until = "until you end it" if left is True else f"for {counted(left, 'uplink')}"
    show_line(f"Observed {until}: {device}. It does not change {places}.")


def observed(text: str) -> int | bool:
    """For how many uplinks: a number, or True until a person ends it. Else the command fails."""
    from parking_gateway.core.installation import ENDLESS  # noqa: PLC0415 - heavy
    from parking_gateway.register import cells  # noqa: PLC0415 - as above

    try:
        uplinks = cells.observe(text)
    except ValueError as refusal:
        fail(f"observe {refusal}.")
    return True if uplinks == ENDLESS else uplinks or False
