"""The command that lists the codecs."""

from typing import TYPE_CHECKING, Any

import typer

from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.shown import show_json, show_table
from parking_gateway.core.wording import duration

if TYPE_CHECKING:
    from parking_gateway.decoding.codecs import Codec, Option

app = typer.Typer(name="decoders", help="List the codecs.", no_args_is_help=True)


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every codec, with the devices that it reads.

    Codecs are built in, installed as packages, or lie in decoders.folder. Each installation has to choose an option with *,
    or names a firmware line, which stands for its options.

    For example:

        parking-gateway decoders list
    """
    from parking_gateway.decoding import codecs  # noqa: PLC0415 - heavy

    found = codecs.modules(dropins=configured(config).decoders.folder)
    if as_json:
        show_json([_document(codec) for codec in found])
        return
    columns = ("codec", "vendor", "model", "ports", "options", "heartbeat", "names of its lines")
    show_table(columns, [_row(codec) for codec in found])


def _document(codec: "Codec") -> dict[str, Any]:
    from parking_gateway.decoding.codecs import parameters_of  # noqa: PLC0415 - heavy

    device = codec.device
    return {
        "codec": codec.name,
        "version": codec.version,
        "vendor": device.vendor,
        "model": device.model,
        "ports": device.ports,
        "channels": device.channels,
        "measures_distance": device.measures_distance,
        "measures": device.measures,
        "heartbeat_seconds": device.heartbeat.total_seconds() if device.heartbeat else None,
        "options": list(map(_described, codec.options)),
        "lines": device.lines,
        "commands": {
            name: [_described(option) for option in parameters_of(command)] for name, command in codec.commands.items()
        },
    }


def _described(option: "Option") -> dict[str, object]:
    return {"name": option.name, "allowed": option.allowed, "required": option.required}


def _row(codec: "Codec") -> tuple[object, ...]:
    device = codec.device
    return (
        codec.name,
        device.vendor,
        device.model,
        ", ".join(map(str, device.ports)) or "any",
        ", ".join(map(_option, codec.options)) or None,
        device.heartbeat and duration(device.heartbeat),
        ", ".join(line for line in device.lines if line != codec.name) or None,
    )


def _option(option: "Option") -> str:
    return f"{option.name}*" if option.required else option.name
