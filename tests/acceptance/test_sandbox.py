"""The gateway works within the sandbox of its systemd unit, with guests and with the journal."""

import ctypes
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.decoding.guests.conftest import HEAD
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.sandbox import LIBRARY
from tests.whole_gateway import has_recorded, publish, settled, traffic, unavailable, until, value

UNIT = Path(__file__).parents[2] / "systemd" / "parking-gateway.service"
SCRIPT = "function decodeUplink(input) { return { data: { occupied: input.bytes[0] === 1 } }; }"
DECLARATION = """\
    vendor = "Acme"
    model = "X"
    [ports]
    1 = ["1-51"]
    [reading]
    occupancy = { path = "occupied", occupied = [true], vacant = [false] }
"""


def _has_filters() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return shutil.which("systemd-analyze") is not None


def is_confined(daemon: Daemon) -> bool:
    """Whether the kernel filters the calls of the process, and gives it no more rights."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status


@pytest.mark.skipif(not _has_filters(), reason="systemd-analyze is not installed")
@pytest.mark.usefixtures("lasting")
async def test_it_works_with_guests_and_the_journal_in_the_sandbox_of_its_unit(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """JavaScript, a codec in Python with its limit of memory, credentials, and a database that is away for a while.

    The sandbox itself proves that it forbids: it does not start the gateway if a forbidden call is possible.
    """
    (folder := tmp_path / "codecs").mkdir()
    (folder / "acme.toml").write_text(dedent(DECLARATION))
    (folder / "acme.js").write_text(SCRIPT)
    (folder / "python_guest.py").write_text(f"{HEAD}\ndef decode(frame):\n    return OCCUPIED\n")
    (credentials := tmp_path / "credentials").mkdir()
    (credentials / "mqtt__password").write_text("kept by systemd")
    devices = await car_park(3)
    for device, codec in zip(devices, ("acme", "python_guest"), strict=False):
        async with engine.begin() as connection:
            await connection.execute(
                sa.text("update installation set codec = :codec where dev_eui = :device"),
                {"codec": codec, "device": device},
            )
    daemon.launcher = (sys.executable, "-m", "tests.plugins.sandbox", str(UNIT))
    daemon.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
    daemon.configure(DECODERS__FOLDER=str(folder), JOURNAL__AFTER="0.5", MQTT__USERNAME="parking-gateway")
    daemon.serve_pages()
    daemon.start_and_wait()
    sent = traffic(devices, uplinks=63)
    await publish(broker, sent[:30])
    await until(partial(has_recorded, engine, 29), "uplinks before the outage")
    async with unavailable(database):
        await publish(broker, sent[30:])

        async def holds() -> bool:
            return daemon.metric("parking_gateway_journal_messages") == 33

        await until(holds, "the journal")
    retained = await settled(engine, broker, database, uplinks=63)
    spaces = [json.loads(retained[topic]) for topic in retained if topic.startswith(f"{ROOT}/spaces/")]
    assert {space["state"] for space in spaces} == {"OCCUPIED"}
    assert await value(engine, "select count(*) from rejection") == 0
    assert is_confined(daemon)
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()
