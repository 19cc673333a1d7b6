"""Mosquitto 2, as installed; Debian's package is `mosquitto`. Its settings are those of docs/examples/mosquitto.conf."""

import getpass
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.brokers.engines.engine import EXAMPLES, Engine, Expected, Missing
from tests.brokers.engines.node import Node

_OF_A_SITE: Final = re.compile(r"^(listener|allow_anonymous|password_file|acl_file) .*\n", re.MULTILINE)
"""Lines with the addresses and people of an installation."""


def _fetch() -> str:
    with TemporaryDirectory() as folder:
        found = brokers.mosquitto(Path(folder))
    if found is None:
        raise Missing("Mosquitto 2 is not installed")
    return found.name


def _nodes(folder: Path) -> Sequence[Node]:
    port = free_port()
    ours = (
        f"listener {port} {LOCALHOST}\nallow_anonymous true\nuser {getpass.getuser()}\npersistence_location {folder}/\n"
    )
    conf = folder / "mosquitto.conf"
    conf.write_text(ours + _OF_A_SITE.sub("", (EXAMPLES / "mosquitto.conf").read_text()))
    program = brokers.program_path("mosquitto") or ""
    return [Node((program, "-c", str(conf)), name="Mosquitto", port=port, log=folder / "mosquitto.log")]


ENGINE: Final = Engine(
    name="mosquitto",
    fetch=_fetch,
    nodes=_nodes,
    expected=Expected(protocol="5", others_take_over=False, loses=True),
    settings="[mosquitto.conf](examples/mosquitto.conf)",
)
