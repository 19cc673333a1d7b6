"""Commands that find the codec of each device wait only once for one that hangs."""

import asyncio
import os
from pathlib import Path

from tests import forked
from tests.decoding.guests.conftest import ASKED, Guest, Install
from tests.plugins.car_park import CarPark


async def test_a_codec_that_hangs_keeps_doctor_waiting_once(
    database: str, car_park: CarPark, guest: Guest, install: Install, tmp_path: Path
) -> None:
    """Each attempt takes three seconds, and every device has this codec."""
    asked = tmp_path / "asked"
    folder = guest("hangs", "return OCCUPIED", first=f"{ASKED.format(str(asked))}\ntime.sleep(1000)")
    for device in await car_park(4):
        await install(device, "hangs")
    ours = {"PARKING_GATEWAY_DATABASE__URL": database, "PARKING_GATEWAY_DECODERS__FOLDER": str(folder)}
    done = await asyncio.to_thread(forked.run, "doctor", "--devices", env=os.environ | ours)
    assert done.stdout.count("unreadable: the codec hangs was stopped while it was loaded") == 4
    # One that hung, and one that was started in its place.
    assert asked.read_text() in (".", "..")
