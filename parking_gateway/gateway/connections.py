"""One broker connection after the other until the gateway stops, and the reason for the end of each.

Only this module catches an error of the broker: it ends the connection, and another one is made.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import msgspec

from parking_gateway.broker.link import MqttError
from parking_gateway.broker.reasons import BrokerRefuses
from parking_gateway.broker.rivalry import SOON, Rivalry
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.core.printable import in_one_line
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import Backoff, attempts, pause
from parking_gateway.telemetry.report import Report

_RIVAL: Final = "client_id"
"""The subject of complaints about another client with our id."""


class Connections(msgspec.Struct, kw_only=True):
    """All connections of one gateway to its broker."""

    config: MqttConfig
    suspicion: Suspicion
    """Which publications the broker hangs up on."""
    report: Report
    stop: asyncio.Event
    has_worked: bool = False
    """Whether the present connection delivered events and took publications."""

    async def make(self, one: Callable[[], Awaitable[None]]) -> None:
        """Call `one`, which lasts as long as a connection, again and again until `stop`."""
        backoff = Backoff(shortest=self.config.reconnect_wait_min, longest=self.config.reconnect_wait_max)
        rivalry = Rivalry(self.config.client_id)
        clock = asyncio.get_running_loop().time
        async for attempt in attempts(backoff, stop=self.stop, clock=clock, has_worked=lambda: self.has_worked):
            began, self.has_worked = clock(), False
            before = (self.suspicion.losses_alone, self.suspicion.convicted)
            try:
                await one()
            except* (MqttError, OSError) as lost:
                error = _first(lost)
                self.report.disconnected(in_one_line(error), attempt=attempt, needs_a_person=_needs_a_person(error))
                lasted = timedelta(seconds=clock() - began)
                if self.suspicion.losses_alone == before[0]:
                    rivalry.ended(error, has_worked=self.has_worked, lasted=lasted)
                elif self.suspicion.convicted > before[1]:
                    rivalry.explained()
                self.report.complain(_RIVAL, rivalry.complaint)
            await pause(rivalry.wait(), stop=self.stop)

    async def outlast_rivals(self) -> None:
        """Withdraw the complaint when the connection has lasted: then no other client uses our id any more."""
        await asyncio.sleep(SOON.total_seconds())
        self.report.complain(_RIVAL, None)


def _needs_a_person(error: BaseException) -> bool:
    """Whether the broker would be of no use although it is there: its refusal, certificate or name."""
    return isinstance(error, BrokerRefuses | ssl.SSLError | socket.gaierror)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
