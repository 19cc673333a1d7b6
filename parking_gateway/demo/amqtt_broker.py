"""amqtt as a process: `python -m parking_gateway.demo.amqtt_broker HOST PORT`. Ends on SIGTERM."""

import asyncio
import signal
import sys
from typing import Final

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class Everybody(BaseAuthPlugin):  # type: ignore[misc] # amqtt has no types
    """Lets everybody in, without a name. Unlike amqtt's anonymous guests, they are sent what came while they were away."""

    async def authenticate(self, *, session: Session) -> bool:  # noqa: ARG002 - amqtt's signature
        """Say yes."""
        return True


_PLUGINS: Final[dict[str, object]] = {"parking_gateway.demo.amqtt_broker.Everybody": {}}


async def serve(host: str, port: int) -> None:
    """Serve MQTT 3.1.1 until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}}, "plugins": _PLUGINS})
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
