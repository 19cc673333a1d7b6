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

from parking_gateway.broker.addresses import Addresses
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.reasons import BrokerRefuses, InboxFull
from parking_gateway.broker.rivalry import SOON, Rivalry
from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.core.printable import in_one_line
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import Backoff, attempts, pause
from parking_gateway.telemetry.report import Report

_RIVAL: Final = "client_id"
"""The subject of complaints about another client with our id."""
_ADDRESS: Final = "address"
"""The subject of complaints about addresses that could not be used."""
_SHOWN_FOR: Final = timedelta(minutes=10)
"""How long a failure of another address is shown in the health. `doctor` tries all of them."""
_MOVED: Final = "mqtt.url: {failures}, so {here} is used: mend it before that fails too"


class Connections(msgspec.Struct, kw_only=True):
    """All connections of one gateway to its broker."""

    config: MqttConfig
    suspicion: Suspicion
    """Which publications the broker hangs up on."""
    report: Report
    stop: asyncio.Event
    has_worked: bool = False
    """Whether the present connection delivered events and took publications."""
    failed: dict[str, str] = msgspec.field(default_factory=dict)
    """The last failure of each address, until it works again."""

    async def make(self, one: Callable[[MqttConfig, timedelta | None], Awaitable[None]]) -> None:
        """Call `one`, which lasts as long as a connection, again and again until `stop`.

        It is called with the configuration of one address, and with the time for an attempt if there are others.
        """
        addresses = Addresses(self.config)
        backoff = Backoff(shortest=self.config.reconnect_wait_min, longest=self.config.reconnect_wait_max)
        rivalry = Rivalry(self.config.client_id)
        clock = asyncio.get_running_loop().time
        async for attempt in attempts(
            backoff,
            stop=self.stop,
            clock=clock,
            has_worked=lambda: self.has_worked,
            is_round_over=lambda: addresses.is_round_over,
        ):
            began, self.has_worked, here = clock(), False, addresses.here
            before = (self.suspicion.losses_alone, self.suspicion.convicted)
            try:
                await one(here, addresses.patience(attempt))
            except* (MqttError, OSError) as lost:
                error = _first(lost)
                lasted = timedelta(seconds=clock() - began)
                has_lasted = isinstance(error, InboxFull) or (self.has_worked and lasted > backoff.longest)
                addresses.ended(has_lasted=has_lasted)
                if not has_lasted:
                    self.failed[here.address] = in_one_line(error)
                self.report.disconnected(
                    in_one_line(error),
                    attempt=attempt,
                    needs_a_person=_needs_a_person(error),
                    address=here.address if addresses.has_others else None,
                )
                if self.suspicion.losses_alone == before[0]:
                    rivalry.ended(error, has_worked=self.has_worked, lasted=lasted)
                elif self.suspicion.convicted > before[1]:
                    rivalry.explained()
                self.report.complain(_RIVAL, rivalry.complaint)
            await pause(rivalry.wait(), stop=self.stop)

    def worked(self, link: Link) -> None:
        """The connection delivers events and takes publications."""
        self.has_worked = True
        self.failed.pop(link.here.address, None)
        failures = ", ".join(f"{address} failed ({reason})" for address, reason in self.failed.items())
        self.report.complain(_ADDRESS, _MOVED.format(failures=failures, here=link.here.address) if failures else None)

    async def outlast(self) -> None:
        """Withdraw complaints when the connection has lasted: then no other client uses our id any more."""
        await asyncio.sleep(SOON.total_seconds())
        self.report.complain(_RIVAL, None)
        await asyncio.sleep((_SHOWN_FOR - SOON).total_seconds())
        self.failed.clear()
        self.report.complain(_ADDRESS, None)


def _needs_a_person(error: BaseException) -> bool:
    """Whether the broker would be of no use although it is there: its refusal, certificate or name."""
    return isinstance(error, BrokerRefuses | ssl.SSLError | socket.gaierror)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
