"""Commands about devices: their list, and their installation in spaces."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.asked import PLACE, ask
from parking_gateway.cli.commands import observe as observing
from parking_gateway.cli.commands.changed import place_with
from parking_gateway.cli.commands.choices import option_of
from parking_gateway.cli.commands.configuration import AsJson, CodecOptions, ConfigFile, configured
from parking_gateway.cli.opened import decoder, fail, query_once
from parking_gateway.cli.shown import percent, show_json, show_line, show_outcome, show_table
from parking_gateway.core.problems import Problem

if TYPE_CHECKING:
    from parking_gateway.register.equipment import ListedDevice
    from parking_gateway.register.outcome import Registered

app = typer.Typer(name="devices", help="List the devices, and install them in spaces.", no_args_is_help=True)
app.command("observe")(observing.observe)

UnassignedOnly = Annotated[
    bool, typer.Option("--unassigned", help="Only devices that watch no space, count no zone and show no place.")
]
ProblemOption = Annotated[
    Problem | None,
    typer.Option(
        "--problem", metavar="NAME", help=f"Only devices that have it: {', '.join(Problem)}.", show_default=False
    ),
]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEV_EUI", help="16 hexadecimal digits.", show_default=False)]
AssignedArgument = Annotated[
    str, typer.Argument(metavar="DEV_EUI", help="16 hexadecimal digits. Left out with --qr.", show_default=False)
]
AssignedSpaceArgument = Annotated[
    str, typer.Argument(metavar="SITE/ZONE/SPACE", help="An existing space.", show_default=False)
]
QrOption = Annotated[
    str,
    typer.Option(
        "--qr", metavar="TEXT", help="The text of the QR code on the device; - is standard input.", show_default=False
    ),
]
SpaceArgument = Annotated[str, typer.Argument(metavar="SITE/ZONE/SPACE", help="An existing space.", show_default=False)]
ChannelOption = Annotated[
    int, typer.Option("--channel", metavar="N", help="The channel, where a device has several sensors.")
]
CodecOption = Annotated[
    str,
    typer.Option("--codec", metavar="NAME", help="The codec, else that of the tag or profile.", show_default=False),
]


LostAfterOption = Annotated[
    int | None,
    typer.Option(
        "--lost-after",
        metavar="SECONDS",
        help="Its longest silence, else as configured.",
        show_default=False,
    ),
]
ObserveOption = Annotated[
    str | None,
    typer.Option(
        "--observe",
        metavar="N|yes",
        help="Observe it first: for so many uplinks, or until you end it.",
        show_default=False,
    ),
]
AlsoOption = Annotated[bool, typer.Option("--also", help="The space keeps the sensors that it has, and gets one more.")]
BytesOption = Annotated[
    str | None, typer.Option("--bytes", metavar="HEX", help="The payload, two digits a byte.", show_default=False)
]
PortOption = Annotated[
    int | None, typer.Option("--port", metavar="N", help="The FPort of the bytes, 1 to 223.", show_default=False)
]
CommandOption = Annotated[
    str | None, typer.Option("--command", metavar="NAME", help="A command of the codec.", show_default=False)
]
CommandOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option of the command.", show_default=False),
]
ConfirmedOption = Annotated[
    bool, typer.Option("--confirmed/--unconfirmed", help="Whether the device has to acknowledge it.")
]


@app.command("list")
def list_(
    *,
    config: ConfigFile = None,
    unassigned: UnassignedOnly = False,
    problem: ProblemOption = None,
    as_json: AsJson = False,
) -> None:
    """List every device, the unassigned first.

    The column `note` explains why a device reports no occupancy. The last column has the problems that the gateway has found, the
    most severe first.

    For example:

        parking-gateway devices list --unassigned
    """
    from parking_gateway.register.equipment import listed  # noqa: PLC0415 - heavy
    from parking_gateway.store import fleet  # noqa: PLC0415 - as above

    effective = configured(config)
    reader = decoder(effective)
    known = query_once(effective, fleet.listed())
    devices = [
        listed(one, reader)
        for one in known
        if not (unassigned and (one.installation or one.is_indicator)) and problem in (None, *one.problems)
    ]
    if as_json:
        show_json(devices)
        return
    show_table(_COLUMNS, [_row(one) for one in devices])


@app.command("assign")
def assign(  # noqa: PLR0913 - the fields of an installation
    device: AssignedArgument,
    space: AssignedSpaceArgument = "",
    *,
    qr: QrOption = "",
    channel: ChannelOption = 0,
    codec: CodecOption = "",
    option: CodecOptions = None,
    lost_after: LostAfterOption = None,
    observe: ObserveOption = None,
    also: AlsoOption = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Install a device in a space.

    It does the same as a line of an imported file: the space takes over the stored uplinks of the device. A device of another
    space moves, and the former device of this space becomes unassigned, unless it is a sensor more. What is left out stays as in its earlier installation.

    With --qr the DevEUI comes from the label of the device. If the label names a model with one codec, and nobody chose a
    codec for the device, it is chosen; else the codecs that fit are listed.

    For example:

        parking-gateway devices assign a84041000181c061 central/level-1/A-012

        parking-gateway devices assign central/level-1/A-012 --qr LW:D0:24E124C0002A0001:24E124713B123456:02590001
    """
    if not (space or qr):
        fail("A device and its space are needed: parking-gateway devices assign DEV_EUI SITE/ZONE/SPACE")
    # With a label, the space may be the only argument.
    names = place_with(space or device, len(PLACE))
    given = {"dev_eui": device if space else None, "channel": channel, "codec": codec or None}
    given |= {"lost_after": lost_after, "also": also, "qr": _scanned() if qr == "-" else qr or None}
    given |= {"observe": None if observe is None else observing.observed(observe)}
    options = dict(one.partition("=")[::2] for one in option) if option else None
    outcome: Registered = ask(configured(config), "device/assign", names | given | {"options": options}).data
    show_outcome(outcome, is_kept=True, as_json=as_json)


def _scanned() -> str:
    """The text of a label on standard input. A scanner types one line; a file may have several."""
    return sys.stdin.readline() if sys.stdin.isatty() else sys.stdin.read()


@app.command("downlink")
def downlink(  # noqa: PLR0913 - what a downlink consists of
    device: DeviceArgument,
    *,
    hexadecimal: BytesOption = None,
    port: PortOption = None,
    command: CommandOption = None,
    option: CommandOptions = None,
    codec: CodecOption = "",
    confirmed: ConfirmedOption = True,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Queue a downlink for a device.

    It is bytes and their port, or a command of the device's codec. The gateway sends it within a second, and the topic of the device shows what becomes of it. `decoders list --json` has the
    commands of all codecs.

    For example:

        parking-gateway devices downlink a84041000181c061 --command report_interval --option seconds=1200
    """
    parameters = {
        "dev_eui": device,
        "bytes": hexadecimal,
        "f_port": port,
        "command": command,
        "options": dict(map(option_of, option or ())),
        "codec": codec or None,
        "confirmed": confirmed,
    }
    data = ask(configured(config), "device/downlink", parameters).data
    if as_json:
        show_json(data)
        return
    show_line(f"Queued {data['bytes']} for port {data['f_port']} as {data['id']}.")


@app.command("unassign")
def unassign(device: DeviceArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Take a device away from its space.

    The space is not live any more: its occupancy is unknown, and its state is what is left. The uplinks of the device are kept.

    For example:

        parking-gateway devices unassign a84041000181c061
    """
    data = ask(configured(config), "device/unassign", {"dev_eui": device}).data
    if as_json:
        show_json(data)
        return
    show_line(f"Unassigned: {device} from {', '.join(data['spaces'])}.")


_COLUMNS = ("device", "name", "profile", "contact", "last heard (UTC)", "battery", "codec", "space", "note", "problems")


def _row(one: "ListedDevice") -> tuple[object, ...]:
    space = "/".join(filter(None, (one.site, one.zone, one.space))) or None
    battery = percent(one.battery_percent)
    problems = ", ".join(one.problems) or None
    return (
        one.dev_eui,
        one.name,
        one.profile,
        one.contact,
        one.last_heard,
        battery,
        one.codec,
        space,
        one.note,
        problems,
    )
