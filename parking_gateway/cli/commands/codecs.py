"""The commands that take codecs from the repositories of others, and test them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.codec_confirming import confirmed
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import fail
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_json

if TYPE_CHECKING:
    from parking_gateway.decoding.importing.preparing import Prepared
    from parking_gateway.decoding.importing.published import Checkout, Published

app = typer.Typer(
    name="codecs", help="Import vendors' codecs from a repository, and test codecs.", no_args_is_help=True
)

CheckoutPath = Annotated[Path, typer.Argument(metavar="PATH", help="The top folder of a checkout.", show_default=False)]
TestedPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PATH]", help="A checkout, or a folder of codecs, else decoders.folder.", show_default=False
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="VENDOR/MODEL", help="This device; repeatable.", show_default=False),
]
AllParking = Annotated[
    bool, typer.Option("--all-parking", help="All that can be of use: occupancy, distances, counters.")
]
IsList = Annotated[bool, typer.Option("--list", help="List the codecs and install none.")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD={…}", help="The source of a field, as in a declaration; repeatable.", show_default=False
    ),
]
Ports = Annotated[
    list[str] | None,
    typer.Option(
        "--port", metavar="PORT=SIZES", help="The sizes of a port, such as 85=4,6-12; repeatable.", show_default=False
    ),
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The name of the codec.", show_default=False)]
Into = Annotated[
    Path | None,
    typer.Option(
        "--into", metavar="FOLDER", help="Install into this folder, else decoders.folder.", show_default=False
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a codec of that name in the folder.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do not ask where the examples prove the mapping; leave out all others.")
]
Everything = Annotated[bool, typer.Option("--all", help="Print every difference in a terminal too.")]
AtLeast = Annotated[
    float, typer.Option("--at-least", min=0, max=100, metavar="PERCENT", help="Fail below this share of good examples.")
]


@app.command("import")
def import_(  # noqa: PLR0913 - what is chosen, and what a person decides
    path: CheckoutPath,
    *,
    device: Devices = None,
    all_parking: AllParking = False,
    list_: IsList = False,
    map_: Maps = None,
    port: Ports = None,
    name: Name = "",
    into: Into = None,
    replace: Replace = False,
    yes: Yes = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Import vendors' codecs from a checkout of a device repository.

    PATH is a checkout of TheThingsNetwork/lorawan-devices, chirpstack/chirpstack-device-profiles or actility/device-catalog.
    The examples of a codec run first, in the sandbox of scripts; the fields of a reading are guessed from their outputs,
    and you confirm or change them. Then the script, its declaration and its vectors are written into decoders.folder.

    For example:

        parking-gateway codecs import lorawan-devices --device bosch/tps110
    """
    from parking_gateway.cli.commands import codec_installing, codec_listing  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.edits import with_fields, with_sizes  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.published import NotUsable  # noqa: PLC0415 - heavy

    checkout = _checkout(path)
    chosen = _chosen(checkout, device or [])
    if not (list_ or device or all_parking):
        fail("Choose what to import: --device VENDOR/MODEL, --all-parking, or --list to see what there is.")
    if (map_ or port or name) and len(chosen) != 1:
        fail(f"--map, --port and --name are of one codec, and {len(chosen):,} are chosen: add --device.")
    try:  # before the examples run
        with_fields({}, map_ or [])
        with_sizes({}, port or [])
    except NotUsable as mistake:
        fail(f"{mistake}.")
    folder = None if list_ else _folder(into, config, is_asked=not yes)
    tried = _tried(chosen)
    if all_parking:
        tried = [one for one in tried if one.why_relevant is not None]
    if folder is None:
        codec_listing.show(tried, as_json=as_json)
        return
    choice = codec_installing.Choice(
        folder=folder,
        maps=map_ or [],
        ports=port or [],
        name=name,
        may_replace=replace,
        confirm=None if yes else confirmed,
    )
    results = [codec_installing.installed(one, checkout, choice) for one in tried]
    if as_json:
        show_json(results)
    else:
        codec_installing.show(results, folder, is_unasked=yes)
    if not any(result.files for result in results):
        raise typer.Exit(1)


@app.command("test")
def check(
    path: TestedPath = None,
    *,
    device: Devices = None,
    everything: Everything = False,
    at_least: AtLeast = 95.0,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the examples of a checkout, or the vectors of a folder.

    For a checkout of a device repository: the share of its uplink examples that give the published output in the sandbox of
    scripts, and every difference. For a folder of codecs such as decoders.folder: whether each codec follows the rules, and
    gives the readings of its vectors, which are in the folder `vectors` in it. Exit status 1: the share is too small, or a
    codec has a mistake.

    For example:

        parking-gateway codecs test lorawan-devices
    """
    from parking_gateway.cli.commands import codec_testing  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing import layouts  # noqa: PLC0415 - heavy

    path = path or configured(config).decoders.folder
    if path is None:
        fail("decoders.folder is not set: give the PATH of a checkout or of a folder of codecs.")
    if not layouts.is_checkout(path) and codec_testing.is_folder(path):
        is_good = codec_testing.test_folder(path, as_json=as_json)
    else:
        checkout = _checkout(path)
        tried = _tried(_chosen(checkout, device or []))
        is_good = codec_testing.show_examples(checkout, tried, at_least=at_least, is_whole=everything, as_json=as_json)
    if not is_good:
        raise typer.Exit(1)


def _folder(into: Path | None, config: Path | None, *, is_asked: bool) -> Path:
    """The folder to install into. The command ends if there is none, or nobody who can be asked."""
    folder = into or configured(config).decoders.folder
    if folder is None:
        fail("decoders.folder is not set, so there is no folder to install into: set it, or give --into FOLDER.")
    if not folder.is_dir():
        fail(f"{folder} is no folder: make it, or give another one with --into FOLDER.")
    if is_asked and not sys.stdin.isatty():
        fail("Nobody can confirm a mapping here: --yes installs what the examples prove.")
    return folder


def _checkout(path: Path) -> "Checkout":
    from parking_gateway.decoding.importing import layouts  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.published import NotUsable  # noqa: PLC0415 - heavy

    try:
        with progress("Reading", ""):
            return layouts.read(path)
    except NotUsable as mistake:
        fail(str(mistake))
    except ModuleNotFoundError as missing:
        fail(
            f"{missing.name} is not installed, which reads the files of a checkout: install parking-gateway[javascript]."
        )


def _chosen(checkout: "Checkout", devices: list[str]) -> "list[Published]":
    """The codecs of these devices, or all of them. A device without a codec ends the command."""
    from parking_gateway.decoding.importing.choosing import codec_of  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.published import NotUsable  # noqa: PLC0415 - heavy

    try:
        return [codec_of(checkout, device) for device in devices] or list(checkout.codecs)
    except NotUsable as mistake:
        fail(str(mistake))


def _tried(chosen: "list[Published]") -> "list[Prepared]":
    from parking_gateway.decoding.declared import Unusable  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.declared.bench import Bench  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.preparing import prepared  # noqa: PLC0415 - heavy

    tried: list[Prepared] = []
    try:
        bench = Bench()
        with progress("Running examples", "codec") as advance:
            for codec in chosen:
                tried.append(prepared(codec, bench))
                advance(len(tried))
    except Unusable as missing:
        fail(f"{missing}.")
    bench.end()
    return tried
