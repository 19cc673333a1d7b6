"""The gateway starts although something is missing for a while: it does without it, and uses it once it is there."""

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.events import topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, until, value

UNUSABLE = "Codecs of installations cannot be used; until they can, the frames of these devices are rejected"


@pytest.fixture
def occupied() -> Iterator[socket.socket]:
    """A port of this machine that another program uses."""
    with socket.create_server((LOCALHOST, 0)) as server:
        yield server


def test_it_waits_for_an_address_that_another_program_uses(daemon: Daemon, occupied: socket.socket) -> None:
    """The gateway works meanwhile, and serves there as soon as it can."""
    port = occupied.getsockname()[1]
    daemon.configure(TELEMETRY__LISTEN=f"{LOCALHOST}:{port}")
    daemon.start_and_wait()
    line = daemon.wait_for_line(
        "The address of telemetry.listen cannot be bound; trying again: change the key, or free the address"
    )
    assert line["listen"] == f"{LOCALHOST}:{port}"
    occupied.close()
    retrying = Retrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(0.05), stop=stop_after_delay(20))
    with retrying(urlopen, f"http://{LOCALHOST}:{port}/readyz", timeout=5) as response:
        assert response.status == 200
    assert daemon.terminate() == 0


async def test_missing_codecs_cost_only_their_own_frames(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """A folder that is not mounted, a broken file, and an unknown option: one warning."""
    (tmp_path / "broken.py").write_text("def decode(")
    devices = await car_park(4)
    async with engine.begin() as connection:
        for number, wrong in enumerate(("codec = 'of_a_late_mount'", "codec = 'broken'", """options = '{"x": "y"}'""")):
            await connection.execute(sa.text(f"update installation set {wrong} where dev_eui = '{devices[number]}'"))
    daemon.configure(DECODERS__FOLDER=str(tmp_path))
    daemon.start_and_wait()
    line = daemon.wait_for_line(UNUSABLE)
    assert line["installations"] == 3
    await publish(broker, [(topic_of(dev_eui), up(dev_eui)) for dev_eui in devices])
    await until(partial(_has_settled, engine), "three frames rejected, and the fourth space occupied")
    assert daemon.terminate() == 0


async def _has_settled(engine: AsyncEngine) -> bool:
    rejected = await value(engine, "select count(*) from rejection where reason = 'codec_not_found'")
    occupied = await value(engine, "select count(*) from space where occupancy = 'occupied'")
    return (rejected, occupied) == (3, 1)


def test_a_folder_that_is_not_mounted_does_not_stop_the_start(daemon: Daemon) -> None:
    """Nor does a profile whose codec may lie in it."""
    daemon.configure(DECODERS__FOLDER="/nowhere", DECODERS__PROFILES='{"Mine": "of_a_late_mount"}')
    daemon.start_and_wait()
    daemon.wait_for_line(
        "decoders.folder must name a directory that exists, and /nowhere is none (No such file or directory): make or mount it"
    )
    line = daemon.wait_for_line("The gateway starts without something that the configuration names")
    assert "decoders.profiles: 'Mine': no codec is named of_a_late_mount" in str(line["error"])
    assert daemon.terminate() == 0


def test_a_profile_with_an_unknown_codec_stops_the_start(daemon: Daemon) -> None:
    daemon.configure(DECODERS__PROFILES='{"Mine": "bosch_tps11"}')
    daemon.start()
    assert daemon.wait() == 78
    assert (
        "decoders.profiles: 'Mine': no codec is named bosch_tps11; did you mean bosch_tps110" in daemon.log.read_text()
    )
    assert "Traceback" not in daemon.log.read_text()
