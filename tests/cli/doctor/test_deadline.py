"""`doctor` ends although nothing answers it."""

import asyncio
import socket
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.cli.doctor import examination
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import load
from tests.whole_gateway import halted


async def test_what_does_not_answer_is_unknown(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker accepts and is silent, the processes of PostgreSQL are suspended."""
    monkeypatch.setattr(examination, "DEADLINE", timedelta(seconds=1))
    with socket.create_server((LOCALHOST, 0)) as deaf:
        url = f"mqtt://{LOCALHOST}:{deaf.getsockname()[1]}"
        config = load(overrides={"mqtt": {"url": url}, "database": {"url": database}, "telemetry": {"listen": ""}})
        async with halted(database):
            began = asyncio.get_running_loop().time()
            checks = await examination.examine_all(config, Decoder(), listen=timedelta(0), tries_queue=False)
            assert asyncio.get_running_loop().time() - began < 5
    verdicts = {check.about: check.verdict for check in checks}
    assert {name: verdicts[name] for name in ("gateway", "broker", "database")} == {
        "gateway": "unknown",
        "broker": "unknown",
        "database": "unknown",
    }


async def test_where_nothing_was_looked_at_nothing_is_fine(database: str) -> None:
    """Broker away; then no device in the database; then no database."""
    away = {"mqtt": {"url": f"mqtt://{LOCALHOST}:1"}, "telemetry": {"listen": ""}}
    verdicts = {}
    for url in (database, f"postgresql://{LOCALHOST}:1/parking"):
        config = load(overrides={**away, "database": {"url": url}})
        checks = await examination.examine_all(config, Decoder(), listen=timedelta(0), tries_queue=False)
        verdicts[url] = {check.about: check.verdict for check in checks}
        # Wrong that it is away, and then unknown for all that was not looked at there.
        assert [check.verdict for check in checks if check.about == "broker"] == ["wrong", "unknown"]
    present, absent = verdicts.values()
    assert {present[name] for name in ("devices", "clocks", "network server")} == {"unknown"}
    assert absent["network server"] == "unknown"
    assert "devices" not in absent


@pytest.mark.usefixtures("synced")
async def test_a_locked_table_is_unknown_and_all_else_is_checked(database: str, engine: AsyncEngine) -> None:
    settings = {"mqtt": {"url": f"mqtt://{LOCALHOST}:1"}, "telemetry": {"listen": ""}}
    config = load(overrides={**settings, "database": {"url": database, "lock_timeout": 0.3}})
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table device in access exclusive mode"))
        checks = await examination.examine_all(config, Decoder(), listen=timedelta(0), tries_queue=False)
    verdicts = {check.about: check.verdict for check in checks}
    assert {verdicts[name] for name in ("devices", "network server", "clocks")} == {"unknown"}
    others = ("database", "durability", "machine clock", "retention")
    assert {name: verdicts[name] for name in others} == dict.fromkeys(others, "fine")
    assert "lock timeout" in next(check.detail for check in checks if check.about == "devices")
