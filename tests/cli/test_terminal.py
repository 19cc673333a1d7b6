"""Names, topics and details of strangers reach the terminal as text only, in the output of every command."""

import asyncio
import json
import os
import pty
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import forked
from tests.plugins.car_park import CarPark

EVIL = "bay \x1b]0;owned\x07\x1b[2J\x9b31m\u202e:car: [bold]\x7f"
COMMANDS = (
    ("devices", "list"),
    ("rejections", "list"),
    ("doctor", "--devices"),
    ("spaces", "list"),
    ("decode", "bosch_tps110", "--port", "1", EVIL),
    ("decode", EVIL, "--port", "1", "01"),
)
_FILL = (
    "update device set name = :evil, profile = :evil",
    (
        "insert into rejection (received_at, topic, reason, detail, payload, digest)"
        " values (now(), :evil, 'malformed', :evil, '', gen_random_uuid())"
    ),
    (
        "insert into rejection (received_at, topic, reason, detail, payload, digest, dev_eui)"
        " select now(), :evil, 'undecodable', :evil, '', gen_random_uuid(), dev_eui from device"
    ),
)


def shown_in_a_terminal(command: tuple[str, ...], environment: dict[str, str]) -> str:
    """The output of the command in a terminal, with its standard error."""
    ours, its = pty.openpty()
    process = forked.start(*command, env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    written = b""
    with suppress(OSError):  # the end of a terminal
        while data := os.read(ours, 65_536):
            written += data
    os.close(ours)
    process.wait(30)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("command", COMMANDS, ids=["devices", "rejections", "doctor", "spaces", "decode", "codec"])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "as JSON"])
async def test_no_stranger_commands_the_terminal(
    database: str, engine: AsyncEngine, car_park: CarPark, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    await car_park(2)
    async with engine.begin() as connection:
        for statement in _FILL:
            await connection.execute(sa.text(statement), {"evil": EVIL} if ":evil" in statement else {})
    # A dumb terminal gets no colours of ours either.
    environment = os.environ | {"PARKING_GATEWAY_DATABASE__URL": database, "TERM": "dumb", "COLUMNS": "400"}
    written = await asyncio.to_thread(shown_in_a_terminal, (*command, *options), environment)
    assert [char for char in written if not char.isprintable() and char != "\n"] == []
    assert "[bold]" in written or command == ("spaces", "list")
    assert "\N{AUTOMOBILE}" not in written
    if command == ("devices", "list") and options:
        assert json.loads(written.partition("\n")[2])[0]["name"] == EVIL


def test_no_codec_of_others_commands_it_either(tmp_path: Path) -> None:
    """`check-config` shows the error of a codec that cannot be loaded."""
    (tmp_path / "evil.py").write_text(f"raise ValueError({EVIL!r})", encoding="utf-8")
    settings = {"FOLDER": str(tmp_path), "PROFILES": '{"any": "evil"}'}
    environment = os.environ | {f"PARKING_GATEWAY_DECODERS__{name}": value for name, value in settings.items()}
    written = shown_in_a_terminal(("check-config",), environment)
    assert "[bold]" in written
    assert [char for char in written if not char.isprintable() and char != "\n"] == []
