"""What the two loops beside the gateway share: their connection, and how they report that they have drained.

They use the same environment variables as the gateway, so that broker, session and window are the same for all.
"""

import sys
from contextlib import AbstractAsyncContextManager

from parking_gateway.broker.link import Link, connected
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config

DRAINED = "drained"


def link(config: Config) -> AbstractAsyncContextManager[Link]:
    """A connection with the configured session."""
    will = Publication(topic=f"bench/{config.mqtt.client_id}", payload=b"gone", retain=False)
    mqtt = config.mqtt
    return connected(mqtt, will=will, inbox_limit=mqtt.receive_maximum, window=config.publication.window)


def report_drained() -> None:
    """Report that the last acknowledgement is sent, and wait until the benchmark has measured this process."""
    sys.stdout.write(f"{DRAINED}\n")
    sys.stdout.flush()
    sys.stdin.read()
