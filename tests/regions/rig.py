"""Regions on the same engines: one Mosquitto, one PostgreSQL, a gateway for each region, and a central Mosquitto with the bridge."""

import asyncio
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from psycopg import sql

from benchmarks import car_park
from benchmarks.fleet import Fleet
from benchmarks.outcome import has_published
from benchmarks.standing import link
from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.regions.neighbours import loaded
from parking_gateway.cli.regions.region import Place
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from tests.plugins.broker import NO_MOSQUITTO
from tests.regions.brokers import CHIRPSTACK, add_bridge, retained_spaces, run, secure

CHANGES: Final = 0.5
"""The share of uplinks that change their space: in the rush hour, half of them."""


class Region:
    """One region: its configuration, its sensors, its gateway."""

    def __init__(self, place: Place, config: Config, application: str, spaces: int, seed: int) -> None:
        self.name = place.name
        self.config = config
        self.spaces = spaces
        self.fleet = Fleet(spaces, changes=CHANGES, form="json", seed=seed)
        self.sent: set[UUID] = set()
        """The uplinks that the broker has confirmed."""
        self.url = config.database.url.get_secret_value()
        self.root = config.publication.root
        self.process: subprocess.Popen[bytes] | None = None
        self._application = application
        self._place = place

    def next_publication(self) -> Publication:
        """The uplink of its next sensor. The same devices are in all regions, and only the application differs."""
        event = self.fleet.next_event(datetime.now(UTC))
        self.sent.add(UUID(event.deduplication_id))
        _, _, rest = event.publication.topic.partition("/device/")
        return msgspec.structs.replace(event.publication, topic=f"application/{self._application}/device/{rest}")

    def start(self, log: Path) -> None:
        """Start its gateway, as systemd does."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PARKING_GATEWAY_")}
        environment["PARKING_GATEWAY_SECRETS_DIRECTORY"] = str(self._place.secrets)
        command = [sys.executable, "-m", "parking_gateway", "run", "--config", str(self._place.file)]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    def stop(self) -> None:
        """End its gateway in order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def pid(self) -> int:
        """Of its gateway."""
        assert self.process is not None
        return self.process.pid

    def missing(self) -> list[str] | None:
        """What its gateway reports as missing. None: it does not answer yet."""
        listen = self.config.telemetry.listen
        assert listen is not None
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(listen.host, listen.port, timeout=10)
            connection.request("GET", "/readyz")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            connection.close()
            return list(found["missing"])
        return None

    def has_recorded_all(self) -> bool:
        """Whether as many uplinks are recorded as were sent."""
        with psycopg.connect(self.url) as connection:
            return connection.execute("select count(*) from uplink").fetchone() == (len(self.sent),)

    def has_published_all(self) -> bool:
        """Whether the broker has confirmed every publication."""
        with psycopg.connect(self.url) as connection:
            return has_published(connection)

    def differences(self, central: int) -> Iterator[str]:
        """A sentence for each difference between what was sent, the database, and the picture on the central broker."""
        with psycopg.connect(self.url) as connection:
            recorded = [one for (one,) in connection.execute("select deduplication_id from uplink")]
            occupied = {one for (one,) in connection.execute("select id from space where state = 'OCCUPIED'")}
        if foreign := set(recorded) - self.sent:
            yield f"{self.name} has {len(foreign)} uplinks of others"
        if lost := self.sent - set(recorded):
            yield f"{self.name} has lost {len(lost)} uplinks"
        if len(recorded) != len(set(recorded)):
            yield f"{self.name} has uplinks twice"
        expected = set(self.fleet.outcome().occupied)
        if occupied != expected:
            yield f"{self.name} has {len(occupied ^ expected)} spaces in a wrong state"
        picture = retained_spaces(central, self.root, self.spaces, seconds=60)
        shown = {
            topic.rpartition("space-")[2] for topic, text in picture.items() if json.loads(text)["state"] == "OCCUPIED"
        }
        if len(picture) != self.spaces or shown != {str(one) for one in expected}:
            yield f"the central broker shows {len(picture)} spaces of {self.name}, {len(shown)} of them occupied, and not {len(expected)}"


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    folder: Path
    regions: list[Region]
    shared: Broker
    """The broker of all regions."""
    central: Broker
    password: str
    """ChirpStack's."""
    prepared: list[float]
    """Seconds that `regions prepare` took for each region."""

    admin: str
    """The URL of PostgreSQL's administrator."""
    every: float
    """Seconds between two looks at all databases, each of which scans all spaces."""

    def come_together(self) -> float:
        """Wait until the central broker has all that the regions' broker has confirmed. Returns the seconds.

        The bridge delivers in order, so the last message of all is enough.
        """
        began, token, first = time.monotonic(), str(uuid4()), self.regions[0]
        topic, mqtt = f"{first.root}/gateways/last", first.config.mqtt
        password = "" if mqtt.password is None else mqtt.password.get_secret_value()
        user = ["-u", mqtt.username or "", "-P", password]
        publish = ["mosquitto_pub", "-p", str(self.shared.port), *user, "-q", "1", "-r", "-t", topic, "-m", token]
        receive = ["mosquitto_sub", "-p", str(self.central.port), "-C", "1", "-W", "2", "-t", topic]
        subprocess.run(publish, check=True, capture_output=True)
        self.wait(
            lambda: subprocess.run(receive, check=False, capture_output=True, text=True).stdout.strip() == token,
            "the last message on the central broker",
        )
        return time.monotonic() - began

    def start(self) -> float:
        """Start all gateways at the same time. Returns the seconds until all are ready."""
        began = time.monotonic()
        for region in self.regions:
            region.start(self.folder / f"{region.name}.log")
        self.wait(lambda: all(region.missing() == [] for region in self.regions), "gateways that are ready")
        return time.monotonic() - began

    async def load(self, rate: int, seconds: float) -> None:
        """Publish so many uplinks a second to all regions in turn, as ChirpStack does. The broker has confirmed them then."""
        url = f"mqtt://{CHIRPSTACK}:{self.password}@{LOCALHOST}:{self.shared.port}"
        mqtt = MqttConfig.model_validate({"url": url, "client_id": f"chirpstack-{uuid4()}"})
        async with link(Config(mqtt=mqtt)) as feeder:
            clock = asyncio.get_running_loop().time
            began, published = clock(), 0
            while published < rate * seconds:
                due = min(int((clock() - began) * rate), int(rate * seconds)) - published
                numbers = range(published, published + due)
                await feeder.publish([self.regions[one % len(self.regions)].next_publication() for one in numbers])
                published += due
                await asyncio.sleep(0.02)

    def wait(self, holds: Callable[[], bool], expected: str, *, seconds: float = 300) -> float:
        """Wait until it holds. Returns the seconds."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() < began + seconds, f"not within {seconds} s: {expected}\n{self.logs()}"
            time.sleep(self.every)
        return time.monotonic() - began

    def logs(self) -> str:
        """The end of each log."""
        files = [*self.folder.glob("*.log"), self.shared.log, self.central.log]
        return "\n".join(f"{file}:\n{file.read_text(errors='replace')[-2000:]}" for file in files if file.exists())


@contextmanager
def rig_in(folder: Path, admin: str, *, regions: int, spaces: int) -> Iterator[Rig]:
    """Regions that are prepared by the commands, on a PostgreSQL whose administrator has the URL `admin`. Gateways do not run yet."""
    places = {name: folder / name for name in ("shared", "central", "etc")}
    for place in places.values():
        place.mkdir()
    shared, central = _mosquitto(places["shared"]), _mosquitto(places["central"])
    (places["etc"] / "regions.toml").write_text(f'[mqtt]\nurl = "{shared.url}"\n[database]\nurl = "{admin}"\n')
    with ExitStack() as stack:
        made, prepared = [], []
        for number in range(1, regions + 1):
            name, application = f"region-{number}", str(uuid4())
            stack.callback(_drop, admin, f"parking_region_{number}")
            began = time.monotonic()
            options = ["--folder", str(places["etc"]), "--states", str(folder / "states"), "--admin", admin]
            run("prepare", name, "--application", application, *options)
            prepared.append(time.monotonic() - began)
            region = Place(name=name, folder=places["etc"], states=folder / "states")
            made.append(Region(region, loaded(region.file, region), application, spaces, seed=number))
            car_park.seed(made[-1].url, spaces=spaces)
        run("bridge", central.url, str(folder / "bridge"), "--folder", str(places["etc"]))
        password = secure(places["shared"], folder / "bridge", *(places["etc"] / one.name for one in made))
        add_bridge(places["central"], folder / "bridge")
        for broker in (shared, central):
            stack.callback(broker.stop)
            broker.start()
        for one in made:
            stack.callback(one.stop)
        yield Rig(
            folder=folder,
            regions=made,
            shared=shared,
            central=central,
            password=password,
            prepared=prepared,
            admin=admin,
            every=0.1 if spaces < 1000 else 1.0,
        )


def _mosquitto(folder: Path) -> Broker:
    """One that keeps its store in memory: to write millions of retained messages every second is not what is measured."""
    broker = brokers.mosquitto(folder)
    if broker is None:
        pytest.skip(NO_MOSQUITTO)
    return broker


def _drop(admin: str, name: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
