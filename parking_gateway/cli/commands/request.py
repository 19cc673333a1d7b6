"""The command that makes any request."""

from typing import Annotated

import msgspec
import typer

from parking_gateway.cli.asked import ask
from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_json

VerbArgument = Annotated[str, typer.Argument(metavar="VERB", help="Such as space/get.", show_default=False)]
ParametersArgument = Annotated[str, typer.Argument(metavar="JSON", help="The parameters, as a JSON object.")]


def request(verb: VerbArgument, parameters: ParametersArgument = "{}", *, config: ConfigFile = None) -> None:
    """Carry out a request, and print its answer as JSON.

    It is the same as a request over MQTT. docs/reference/requests.md lists the verbs.

    For example:

        parking-gateway request space/get '{"site": "central", "zone": "level-1", "space": "A-012"}'
    """
    try:
        given = msgspec.json.decode(parameters, type=dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        fail(f"{parameters!r} is no JSON object.")
    show_json(ask(configured(config), verb, given).data)
