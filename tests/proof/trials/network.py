"""The network between gateway and broker: silent, lossy, slow, or resetting connections."""

import asyncio

import pytest

from tests.plugins.bad_network import NO_NETWORK, BadNetwork
from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND = 400
_KEEPALIVE = 2
_LOSS = 0.3
_DELAY = 1.0
"""Seconds in each direction, so that an answer takes twice as long."""


@trial("T7", "connections reset (RST) every 0.5 to 1.5 s", short=2, long=60)
async def reset(rig: Rig, times: int) -> None:
    """No voice has to report it, because the gateway connects again within a second."""
    tap = rig.tap_broker()
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            rig.happened(tap.reset())
            await rig.recover()


@trial("T7", "half-open: the connection stands, and nothing passes", short=0, long=6)
async def half_open(rig: Rig, times: int) -> None:
    """Only the keep-alive shows it, or a publication without a confirmation."""
    tap = rig.tap_broker()
    rig.gateway.configure(MQTT__KEEPALIVE=str(_KEEPALIVE), MQTT__TIMEOUT="2")
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            delivered = len(tap.delivered)
            tap.stall()
            await rig.reports_missing("broker")
            rig.happened(tap.connections and len(tap.delivered) == delivered)
            tap.cut()
            tap.resume()
            await rig.recover()


@trial("T7", "slow reads: 20 kB/s in each direction for 5 s", short=0, long=10)
async def slow(rig: Rig, times: int) -> None:
    """A fifth of what the load needs."""
    tap = rig.tap_broker()
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            tap.slow_down(20_000)
            await asyncio.sleep(5)
            rig.happened(len(rig.ledger.confirmed) - len(tap.delivered) > _PER_SECOND)
            tap.resume()
            await rig.recover()


@trial("T7", "30 % of all packets lost, in each direction, for 60 s", short=0, long=2)
async def lossy(rig: Rig, times: int) -> None:
    network = _bad_network(rig)
    await rig.start_gateway()
    async with rig.load.steady(50):
        for _ in range(times):
            lost, carried = network.lost, network.carried
            network.loss = _LOSS
            await asyncio.sleep(60)
            network.loss = 0
            rig.happened(network.lost - lost > (network.carried - carried) / 4)
            await rig.recover()
    rig.reports.append(f"{network.lost:,} of {network.lost + network.carried:,} packets lost")


@trial("T7", "answers come 2 s late, for 30 s", short=0, long=3)
async def delayed(rig: Rig, times: int) -> None:
    """Every packet takes a second in each direction. The gateway stays connected."""
    network = _bad_network(rig)
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            network.delay = _DELAY
            carried = network.carried
            await asyncio.sleep(30)
            rig.happened(network.carried > carried)
            network.delay = 0
            await rig.recover()
    connections = len(rig.gateway.log_lines("Connected to the broker"))
    rig.reports.append(f"{connections} connection in all" if connections == 1 else f"{connections} connections in all")


def _bad_network(rig: Rig) -> BadNetwork:
    """Put a bad network, and behind it a tap, between gateway and broker. Leaves the trial out where there is none."""
    try:
        network = BadNetwork()
    except OSError:
        pytest.skip(NO_NETWORK)
    rig.afterwards.callback(network.close)
    tap = rig.tap_broker(host=network.near)
    rig.gateway.configure(MQTT__URL=f"mqtt://{network.far}:{tap.port}", MQTT__KEEPALIVE="10")
    return network
