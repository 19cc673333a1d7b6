"""The machines of a universe. On each runs one gateway, and each has what outlasts a power cut."""

from collections.abc import Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final

from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import GatewayConfig
from parking_gateway.store.known_server import KnownServer
from tests.simulation.broker import Broker
from tests.simulation.disk import Disk
from tests.simulation.faults import Fault
from tests.simulation.gateway import CONFIG, Life
from tests.simulation.report import Report, Reported
from tests.simulation.server import Server
from tests.simulation.world import World


class Arrangement(Enum):
    """How many gateways there are, and which events each gets."""

    ALONE = "one"
    SHARED = "two, on one shared subscription"
    BESIDE = "two, each of which gets every event"


_ARRANGEMENTS: Final = (*[Arrangement.ALONE] * 2, Arrangement.SHARED, Arrangement.BESIDE)


def _config(name: str, group: str | None = None) -> Config:
    mqtt = MqttConfig(client_id=f"client-{name}", shared_group=group, receive_maximum=CONFIG.mqtt.receive_maximum)
    return CONFIG.model_copy(update={"mqtt": mqtt, "gateway": GatewayConfig(instance=name)})


_CONFIGS: Final = {
    Arrangement.ALONE: [_config("one")],
    Arrangement.SHARED: [_config("one", "park"), _config("two", "park")],
    Arrangement.BESIDE: [_config("one"), _config("two")],
}


class Machine:
    """One machine."""

    def __init__(self, world: World, host: Any, config: Config, *, has_right_clock: bool) -> None:
        """`host` is simloom's, and has the power switch."""
        self.host = host
        self.config = config
        self.clock = world.now if has_right_clock else world.gateway_clock
        self.disk = Disk(world, max_bytes=world.dice.choice([30_000, 30_000, 2_000]))
        self.known = KnownServer(None, clock=self.clock)
        """The server of the database, as its file remembers it."""


class Machines:
    """All machines of a universe."""

    def __init__(self, world: World, simulated: Any, *, server: Server, broker: Broker, reported: Reported) -> None:
        """`simulated` is simloom's world."""
        self._world = world
        self._server = server
        self._broker = broker
        self._reported = reported
        self._all = list(_machines(world, simulated))
        world.cut_power = self._cut_power

    def start(self) -> None:
        """Switch all of them on."""
        for one in self._all:
            one.host.spawn(partial(self._live, one))

    @property
    def clients(self) -> Sequence[str]:
        """The client ids of the gateways."""
        return [one.config.mqtt.client_id for one in self._all]

    @property
    def disks(self) -> Sequence[Disk]:
        """Their disks."""
        return [one.disk for one in self._all]

    def are_subscribed(self) -> bool:
        """Whether each gets events."""
        sessions = [self._broker.sessions.get(one) for one in self.clients]
        return all(one is not None and one.filters for one in sessions)

    async def _live(self, machine: Machine) -> None:
        report = Report(self._reported, clock=machine.clock)
        try:
            await Life(machine, self._server, report).run()
        except Exception as bug:  # noqa: BLE001 - whatever ends the gateway is a mistake of it
            self._world.mistakes.append(bug)

    def _cut_power(self) -> None:
        machine = self._world.dice.choice(self._all)
        if machine.host.crashed:
            return
        world, client = self._world, machine.config.mqtt.client_id
        world.faults.happened[Fault.POWER_CUT] += 1
        machine.host.crash()
        self._server.lose_clients(machine)
        for one in list(self._broker.clients.values()):
            if one.client_id.startswith(client):
                world.at(world.time() + world.dice.choice([0, 1, 60]), partial(self._broker.close, one))
        world.at(world.time() + world.dice.choice([0.1, 1, 10]), machine.host.restart)


def _machines(world: World, simulated: Any) -> Iterator[Machine]:
    arrangement = Arrangement.ALONE if world.faults.is_in_order else world.dice.choice(_ARRANGEMENTS)
    if arrangement is not Arrangement.ALONE:
        world.faults.happened[Fault[arrangement.name]] += 1
    for number, config in enumerate(_CONFIGS[arrangement]):
        yield Machine(world, simulated.host(config.gateway.instance), config, has_right_clock=number > 0)
