"""Apache ActiveMQ Artemis, one broker, from Maven. The command `artemis create` makes its settings."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.brokers.engines.engine import CACHE, JAVA, Engine, Expected, run
from tests.brokers.engines.node import Node

_VERSION: Final = "2.44.0"
_ARTIFACT: Final = f"org.apache.activemq:apache-artemis:{_VERSION}:zip:bin"
_PROGRAMS: Final = CACHE / "artemis"
_HOME: Final = _PROGRAMS / f"apache-artemis-{_VERSION}"
_LEFT_OUT: Final = ("--no-web", "--no-amqp-acceptor", "--no-stomp-acceptor", "--no-hornetq-acceptor", "--no-autotune")
_JAVA: Final = {"JAVA_ARGS_APPEND": JAVA}


def fetch() -> str:
    """Fetch and unpack it. Returns its name and version."""
    if not _HOME.exists():
        goal = "dependency:copy"
        where = f"-DoutputDirectory={_PROGRAMS}"
        run("mvn", "--quiet", "--batch-mode", goal, f"-Dartifact={_ARTIFACT}", where)
        shutil.unpack_archive(_PROGRAMS / f"apache-artemis-{_VERSION}-bin.zip", _PROGRAMS)
    return f"Artemis {_VERSION}"


def created(folder: Path, name: str, *options: str) -> Node:
    """A broker in a folder of this name, configured by `artemis create`."""
    instance, port = folder / name, free_port()
    given = ("--user", "u", "--password", "p", "--allow-anonymous", "--nio", "--java-memory", "512M", "--silent")
    where = ("--host", LOCALHOST, "--default-port", str(free_port()), "--name", name)
    # The shell script, because a zip file that Python has unpacked has lost its rights.
    run(
        "sh",
        str(_HOME / "bin/artemis"),
        "create",
        str(instance),
        *given,
        *where,
        *_LEFT_OUT,
        *options,
        environment=_JAVA,
    )
    settings = instance / "etc/broker.xml"
    settings.write_text(settings.read_text().replace(f"{LOCALHOST}:1883?", f"{LOCALHOST}:{port}?"))
    command = ("sh", str(instance / "bin/artemis"), "run")
    return Node(command, name=f"Artemis {name}", port=port, log=folder / f"{name}.log", environment=_JAVA)


def _nodes(folder: Path) -> Sequence[Node]:
    return [created(folder, "one")]


ENGINE: Final = Engine(
    name="artemis",
    fetch=fetch,
    nodes=_nodes,
    expected=Expected(protocol="5", has_order=False),
    settings="`journal-type` NIO or ASYNCIO, `journal-datasync` true, as `artemis create` writes them",
)
