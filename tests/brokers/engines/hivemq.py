"""HiveMQ CE, embedded in 15 lines of Java, from Maven. Its settings are those of docs/examples/brokers/hivemq.xml."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.brokers.engines.engine import CACHE, EXAMPLES, JAVA, Engine, Expected, run
from tests.brokers.engines.node import Node

_SOURCE: Final = Path(__file__).parent / "hivemq"
_PROGRAMS: Final = CACHE / "hivemq"
_VERSION: Final = "2025.5"


def _fetch() -> str:
    if not (_PROGRAMS / "Main.class").exists():
        copy = f"-DoutputDirectory={_PROGRAMS}"
        run("mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", copy, folder=_SOURCE)
        run("javac", "-cp", f"{_PROGRAMS}/*", "-d", str(_PROGRAMS), str(_SOURCE / "Main.java"))
    return f"HiveMQ CE {_VERSION}"


def _nodes(folder: Path) -> Sequence[Node]:
    for name in ("conf", "data", "extensions"):
        (folder / name).mkdir()
    port = free_port()
    example = (EXAMPLES / "brokers/hivemq.xml").read_text()
    (folder / "conf/config.xml").write_text(example.replace("1883", str(port)).replace("0.0.0.0", LOCALHOST))
    command = ("java", JAVA, "-XX:+UseSerialGC", "-Xmx512m", "-cp", f"{_PROGRAMS}:{_PROGRAMS}/*", "Main", str(folder))
    return [Node(command, name="HiveMQ", port=port, log=folder / "hivemq.log")]


ENGINE: Final = Engine(
    name="hivemq",
    fetch=_fetch,
    nodes=_nodes,
    expected=Expected(protocol="5"),
    settings="[hivemq.xml](examples/brokers/hivemq.xml)",
)
