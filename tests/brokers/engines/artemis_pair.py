"""Two Artemis brokers with one journal in a shared folder: the one with its lock works, the other one waits for the lock."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.brokers.engines import artemis
from tests.brokers.engines.engine import EXAMPLES, Engine, Expected
from tests.brokers.engines.node import Node


def _nodes(folder: Path) -> Sequence[Node]:
    pair = [artemis.created(folder, name, "--data", str(folder / "shared")) for name in ("one", "two")]
    policy = (EXAMPLES / "brokers/artemis-pair.xml").read_text()
    for node in pair:
        settings = folder / node.log.stem / "etc/broker.xml"
        settings.write_text(settings.read_text().replace("</core>", f"{policy}</core>"))
    return pair


ENGINE: Final = Engine(
    name="artemis-pair",
    fetch=lambda: f"{artemis.fetch()}, a pair with a shared store",
    nodes=_nodes,
    expected=Expected(protocol="5", has_order=False),
    is_pair=True,
    settings="[artemis-pair.xml](examples/brokers/artemis-pair.xml)",
)
