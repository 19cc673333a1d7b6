"""Three NATS servers with replicated streams, built from its Go module. Their settings are those of docs/examples/brokers/nats.conf."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.brokers.engines.engine import CACHE, EXAMPLES, Engine, Expected, run
from tests.brokers.engines.node import Node

_VERSION: Final = "v2.15.3"
_PROGRAM: Final = CACHE / "nats/nats-server"
_NAMES: Final = ("n1", "n2", "n3")
_ROUTES: Final = ", ".join(f"nats://{name}:6222" for name in _NAMES)


def _fetch() -> str:
    if not _PROGRAM.exists():
        module = f"github.com/nats-io/nats-server/v2@{_VERSION}"
        run("go", "install", module, environment={"GOBIN": str(_PROGRAM.parent)})
    return f"NATS {_VERSION.removeprefix('v')}, three servers"


def _nodes(folder: Path) -> Sequence[Node]:
    routes = {name: free_port() for name in _NAMES}
    urls = ", ".join(f"nats://{LOCALHOST}:{port}" for port in routes.values())
    return [_node(folder, name, route, urls) for name, route in routes.items()]


def _node(folder: Path, name: str, route: int, urls: str) -> Node:
    port = free_port()
    text = (EXAMPLES / "brokers/nats.conf").read_text()
    for example, ours in {
        "server_name: n1": f"server_name: {name}",
        "0.0.0.0:4222": f"{LOCALHOST}:{free_port()}",
        "0.0.0.0:6222": f"{LOCALHOST}:{route}",
        "0.0.0.0:1883": f"{LOCALHOST}:{port}",
        "/var/lib/nats": str(folder / name),
        _ROUTES: urls,
    }.items():
        assert example in text
        text = text.replace(example, ours)
    conf = folder / f"{name}.conf"
    conf.write_text(text)
    return Node((str(_PROGRAM), "-c", str(conf)), name=f"NATS {name}", port=port, log=folder / f"{name}.log")


ENGINE: Final = Engine(
    name="nats",
    fetch=_fetch,
    nodes=_nodes,
    expected=Expected(protocol="3.1.1", shares=False),
    settings="[nats.conf](examples/brokers/nats.conf)",
)
