"""What the two loops that stand beside the gateway have in common: they are told, drain, say so, and wait to be dismissed.

They take the same environment variables as the gateway, so that broker, session and window are the same for all.
"""

import sys
from contextlib import AbstractAsyncContextManager

from parking_gateway.broker.link import Link, connected
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config

DRAINED = "drained"


def link(config: Config) -> AbstractAsyncContextManager[Link]:
    """The session that the configuration names."""
    will = Publication(topic=f"bench/{config.mqtt.client_id}", payload=b"gone", retain=False)
    mqtt = config.mqtt
    return connected(mqtt, will=will, inbox_limit=mqtt.receive_maximum, window=config.publication.window)


def say_drained() -> None:
    """Tell the benchmark that the last acknowledgement is sent, and stay until it has looked at us."""
    sys.stdout.write(f"{DRAINED}\n")
    sys.stdout.flush()
    sys.stdin.read()
