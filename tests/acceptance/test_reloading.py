"""SIGHUP reads the configuration again: what can change takes effect, what cannot is named, and a mistake changes nothing."""

import json
import signal
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import Retrying, retry_if_exception_type, wait_fixed

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.web.passwords import hash_of
from tests.events import OCCUPIED, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.web.watching import started
from tests.whole_gateway import has_recorded, publish, until, value

BEGINS = "RELOADING=1\nMONOTONIC_USEC="


@pytest.fixture
def file(tmp_path: Path, daemon: Daemon) -> Path:
    """The configuration file of the daemon, which has started with it."""
    file = tmp_path / "config.toml"
    file.write_text("[requests]\nper_minute = 100\n")
    daemon.start_and_wait("--config", str(file))
    return file


def reload(daemon: Daemon) -> list[str]:
    """Send SIGHUP, and wait for the end of the reload. Returns what systemd received."""
    daemon.notifications.clear()
    daemon.send(signal.SIGHUP)
    daemon.wait_until("READY=1")
    return daemon.notifications


def write(file: Path, text: str) -> None:
    file.write_text(text)


def messages(daemon: Daemon, level: str) -> list[str]:
    """The messages of the log at this level."""
    complete, _, _ = daemon.log.read_text().rpartition("\n")
    return [line["message"] for line in map(json.loads, complete.splitlines()) if line["level"] == level]


async def test_what_can_change_takes_effect_and_what_cannot_is_named(
    daemon: Daemon, file: Path, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """A codec of a device profile, and the log level; not the keep-alive of the broker."""
    (device,) = await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = null"))
    await publish(broker, [(topic_of(device), up(device, OCCUPIED, at=0, f_cnt=0))])
    await until(partial(has_recorded, engine, 0), "an uplink that no codec decodes")
    assert await value(engine, "select state from space") == "FREE"

    profile = json.loads(up(device, OCCUPIED, at=1, f_cnt=1))["deviceInfo"]["deviceProfileName"]
    write(
        file,
        f'[decoders.profiles]\n"{profile}" = "bosch_tps110_v029"\n[telemetry]\nlog_level = "DEBUG"\n[mqtt]\nkeepalive = 55\n',
    )
    received = [state for state in reload(daemon) if not state.startswith("STATUS=")]
    assert [state.rstrip("0123456789") for state in received] == [BEGINS, "READY=1".rstrip("1")]
    line = daemon.wait_for_line("The configuration was read again")
    assert line["changed"] == ["decoders.profiles", "requests.per_minute", "telemetry.log_level"]
    assert daemon.wait_for_line("mqtt.keepalive needs a restart: until then its former value is in force")

    await publish(broker, [(topic_of(device), up(device, OCCUPIED, at=1, f_cnt=1))])

    async def is_occupied() -> bool:
        return bool(await value(engine, "select state = 'OCCUPIED' from space"))

    await until(is_occupied, "a frame that the codec of the profile decodes")
    assert daemon.terminate() == 0
    assert "Published" in messages(daemon, "DEBUG")


def test_a_file_with_a_mistake_changes_nothing_and_says_why(daemon: Daemon, file: Path) -> None:
    file.write_text('[telemetry]\nlog_level = "LOUD"\n[decoders.profiles]\nx = "bosch_tps"\n')
    reload(daemon)
    mistake = f"{file}: telemetry.log_level must be 'TRACE', 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."
    assert daemon.wait_for_line(mistake)["level"] == "ERROR"
    daemon.wait_until_prefix(f"STATUS=Ready; The configuration was read again and is not in force: {file}: ")

    file.write_text('[decoders.profiles]\nx = "bosch_tps"\n')
    reload(daemon)
    assert daemon.wait_for_line("decoders.profiles: 'x': no codec is named bosch_tps; did you mean bosch_tps110?")

    file.write_text("[requests]\nper_minute = 100\n")
    reload(daemon)
    assert daemon.wait_for_line("The configuration was read again")["changed"] == []
    daemon.wait_until("STATUS=Ready")
    assert daemon.terminate() == 0


def test_many_signals_end_in_the_last_configuration(daemon: Daemon, file: Path) -> None:
    for number in range(1, 30):
        file.write_text(f"[requests]\nper_minute = {number}\n")
        daemon.send(signal.SIGHUP)
    file.write_text("[requests]\nper_minute = 100\n")
    reload(daemon)
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()


async def test_an_operator_who_is_removed_is_logged_out(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    write(file, f'[web.operators]\nanna = "{hash_of("correct horse")}"\n')
    async with started(daemon, "--config", str(file)) as client:
        login = {"name": "anna", "password": "correct horse"}
        assert (await client.post("/board/login", json=login)).status_code == 200
        assert (await client.get("/board/me")).json()["operator"] == "anna"
        write(file, "")
        reload(daemon)
        assert (await client.get("/board/me")).json() == {"operator": None, "csrf": "", "can_log_in": False}
        assert (await client.post("/board/login", json=login)).status_code == 401


def test_a_signal_during_the_imports_of_the_start_is_answered_after_it(daemon: Daemon, tmp_path: Path) -> None:
    """As from a script that changes the configuration right after the start."""
    daemon.is_forked = False
    (tmp_path / "config.toml").touch()
    daemon.start("--config", str(tmp_path / "config.toml"))
    maps = Path(f"/proc/{daemon.pid}/maps")
    for attempt in Retrying(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.001)):
        with attempt:
            assert "/_json." in maps.read_text()  # so `main` has begun
    daemon.send(signal.SIGHUP)
    daemon.wait_until("READY=1")
    daemon.wait_for_line("The configuration was read again")
    assert daemon.terminate() == 0
