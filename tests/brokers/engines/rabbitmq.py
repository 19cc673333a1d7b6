"""RabbitMQ from Debian's packages, unpacked beside the system. Its settings are those of docs/examples/brokers/rabbitmq.conf."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parking_gateway.cli.demo.brokers import free_port
from tests.brokers.engines.engine import CACHE, EXAMPLES, Engine, Expected, run
from tests.brokers.engines.node import Node

_PROGRAMS: Final = CACHE / "rabbitmq"
_ERLANG: Final = _PROGRAMS / "usr/lib/erlang"
_LIBRARIES: Final = (
    *("base", "asn1", "crypto", "eldap", "inets", "mnesia", "os-mon", "parsetools", "public-key", "runtime-tools"),
    *("ssl", "syntax-tools", "tools", "xmerl"),
)
_HERE: Final = {"HOME": str(_PROGRAMS), "PATH": f"{_ERLANG / 'bin'}:{os.environ.get('PATH', '')}"}


def _fetch() -> str:
    if not (_PROGRAMS / "complete").exists():
        _unpack()
    (folder,) = _PROGRAMS.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*")
    return f"RabbitMQ {folder.name.rpartition('-')[2]}"


def _unpack() -> None:
    """Download the packages and unpack them, because an installed one would start a service."""
    archives = _PROGRAMS / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    names = ("rabbitmq-server", *(f"erlang-{library}" for library in _LIBRARIES))
    run("apt-get", "download", "--quiet", *names, folder=archives, environment={"TMPDIR": str(archives)})
    for archive in archives.glob("*.deb"):
        run("dpkg", "--extract", str(archive), str(_PROGRAMS))
    start = _ERLANG / "bin/erl"
    start.write_text(start.read_text().replace("ROOTDIR=/usr/lib/erlang", f"ROOTDIR={_ERLANG}"))
    (_PROGRAMS / "complete").touch()


def _nodes(folder: Path) -> Sequence[Node]:
    port = free_port()
    text = (EXAMPLES / "brokers/rabbitmq.conf").read_text()
    ours = {
        "= 1883": f"= 127.0.0.1:{port}",
        "mqtt.allow_anonymous = false": "mqtt.allow_anonymous = true",
    }
    for example, instead in ours.items():
        assert example in text
        text = text.replace(example, instead)
    (folder / "rabbitmq.conf").write_text(f"{text}\nlisteners.tcp.default = 127.0.0.1:{free_port()}\n")
    (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
    (program,) = _PROGRAMS.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
    environment = _HERE | {
        "ERL_EPMD_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_NODENAME": "trials@localhost",
    }
    log = folder / "rabbitmq.log"
    # Erlang's port mapper stays in our process group. RabbitMQ would start one that outlives it.
    command = ("sh", "-c", 'epmd & exec "$0"', str(program))
    return [Node(command, name="RabbitMQ", port=port, log=log, environment=environment)]


ENGINE: Final = Engine(
    name="rabbitmq",
    fetch=_fetch,
    nodes=_nodes,
    expected=Expected(protocol="3.1.1", shares=False, has_wildcard=False),
    settings="[rabbitmq.conf](examples/brokers/rabbitmq.conf)",
)
