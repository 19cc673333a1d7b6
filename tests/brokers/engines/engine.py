"""What a broker is for the suite: its programs, its nodes, and what is expected of it."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tests.brokers.engines.node import Node

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parking-gateway/brokers"
"""Programs of engines. They are fetched once."""
EXAMPLES: Final = Path(__file__).parents[3] / "docs/examples"
"""The settings that the documentation recommends."""
JAVA: Final = "-XX:TieredStopAtLevel=1"
"""Less work at the start. Without them, a broker in Java needs three times as long on a busy machine."""
_SHOWN: Final = 300


class Missing(Exception):  # noqa: N818 - it is what is wrong
    """An engine cannot be had here. The message says why."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine keeps of the promises of MQTT. The suite fails if a trial finds anything else."""

    protocol: str
    """The version that `mqtt.protocol = "auto"` comes to."""
    shares: bool = True
    """Whether messages reach a shared subscription."""
    others_take_over: bool = True
    """Whether the share of a gateway that was killed goes to the other gateways at once."""
    has_wildcard: bool = True
    """Whether a subscription with a wildcard receives what is retained."""
    loses: bool = False
    """Whether it may lose confirmed messages when it is killed."""
    has_order: bool = True
    """Whether the uplinks of a device come in the order in which they were published."""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """A broker, and how it is run."""

    name: str
    """The word for the command line."""
    fetch: Callable[[], str]
    """Fetch its programs, if they are not there. Returns its product and version. Raises Missing."""
    nodes: Callable[[Path], Sequence[Node]]
    """Configure its nodes in an empty folder. They are not started."""
    expected: Expected
    is_pair: bool = False
    """Whether only one node at a time accepts clients, with the messages of the other one."""
    gateway: dict[str, str] = {}
    """Settings of the gateway, as environment variables without their prefix."""
    settings: str
    """The settings that it needs, in a few words for the table."""


def run(*command: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """The output of a command that fetches or builds. Raises Missing where it fails or is not installed."""
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise Missing(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(command[:3])} failed: {(error.stderr or error.stdout).strip()[-_SHOWN:]}") from None
    return done.stdout
