"""The short form of `make proof-regions`: two regions on the same engines, with a few spaces each."""

import asyncio
from pathlib import Path

import psutil
import psycopg

from tests.regions import trial
from tests.regions.rig import rig_in


def test_two_regions_share_engines_and_nothing_else(tmp_path: Path, postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        server = psutil.Process(connection.info.backend_pid).ppid()
    with rig_in(tmp_path, postgres, regions=2, spaces=20) as rig:
        found = asyncio.run(trial.run(rig, rate=50, seconds=2, away=1, server=server))
    assert found.differences == []
    assert found.uplinks == 150
    assert all(one > 0 for one in found.gateway_cores)
