"""The embedded PostgreSQL: it is restarted, shared by all processes of its folder, and refuses to run in a sentence."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.gateway.opening import database
from parking_gateway.process.config import Config, ConfigError, DatabaseConfig, GatewayConfig
from parking_gateway.store import embedded
from tests.whole_gateway import until


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory whose path is short, and which another user can reach."""
    with TemporaryDirectory(prefix="parking-gateway-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def answer(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select 42").fetchone()
    assert row is not None
    return int(row[0])


def postmaster(state: Path) -> int:
    return int((state / "postgresql/postmaster.pid").read_text().splitlines()[0])


async def answers(engine: AsyncEngine, state: Path, *, but: int) -> bool:
    """Whether another server than this answers. Its own backends may answer once more after its end."""
    try:
        if postmaster(state) == but:
            return False
        async with engine.connect() as connection:
            return bool(await connection.scalar(sa.text("select 42")))
    except (sa.exc.DBAPIError, OSError, LookupError, ValueError):
        return False


async def test_one_that_dies_is_started_again(state: Path) -> None:
    """Its users go on with the same pool, at the same address, and with its data."""
    config = Config(gateway=GatewayConfig(state_directory=state), database=DatabaseConfig(url=SecretStr("embedded")))
    async with database(config) as pool:
        async with pool.engine.begin() as connection:
            await connection.execute(sa.text("create table kept ()"))
        killed = postmaster(state)
        os.kill(killed, signal.SIGKILL)
        await until(partial(answers, pool.engine, state, but=killed), "an answer of the server that was started again")
        async with pool.engine.connect() as connection:
            assert await connection.scalar(sa.text("select count(*) from kept")) == 0
    assert not embedded.Server(state).is_running()


@pytest.mark.parametrize("whose", ["nobody's", "another program's"])
def test_the_rest_after_a_power_cut_is_no_obstacle(state: Path, whose: str) -> None:
    """A `postmaster.pid` whose process is gone, or whose number another program has by now."""
    with embedded.running(state):
        left = (state / "postgresql/postmaster.pid").read_text().partition("\n")[2]
    with subprocess.Popen(["sleep", "60"]) as other:
        if whose == "nobody's":
            other.kill()
            other.wait()
        (state / "postgresql/postmaster.pid").write_text(f"{other.pid}\n{left}")
        with embedded.running(state) as url:
            assert answer(url) == 42
            assert postmaster(state) != other.pid
        other.kill()


def test_the_last_process_that_uses_it_stops_it(state: Path) -> None:
    with ExitStack() as first, ExitStack() as second:
        url = first.enter_context(embedded.running(state))
        assert second.enter_context(embedded.running(state)) == url
        first.close()
        assert answer(url) == 42
        second.close()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)


def test_an_interrupted_setup_is_repeated(state: Path) -> None:
    (state / "postgresql.new").mkdir()
    (state / "postgresql.new/PG_VERSION").write_text("18\n")
    with embedded.running(state) as url:
        assert answer(url) == 42


_LOCKS = """
import sys
from pathlib import Path
opened = set()
sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
from parking_gateway.store import embedded
with embedded.running(Path(sys.argv[1])):
    print(*(path for path in opened if "lock" in Path(path).name and "site-packages" not in path))
"""


def test_nothing_outside_the_state_directory_is_locked(state: Path) -> None:
    """A file of another user where all installations would meet, such as /tmp/.lockfile, cannot keep us away."""
    locks = subprocess.check_output([sys.executable, "-c", _LOCKS, state], text=True).split()
    assert [path for path in locks if not path.endswith((".py", ".pyc"))] == [f"{state.resolve()}/postgresql.lock"]


def test_a_path_that_is_too_long_is_refused_in_a_sentence(state: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        embedded.Server(state / ("x" * 100))
    (sentence,) = refused.value.mistakes
    assert "is too long for the socket of the embedded PostgreSQL, by " in sentence


def test_an_impossible_folder_is_refused_in_a_sentence(state: Path) -> None:
    (state / "file").touch()
    with pytest.raises(ConfigError) as refused, embedded.running(state / "file"):
        pass
    (sentence,) = refused.value.mistakes
    assert sentence.startswith(
        f"gateway.state_directory: {state.resolve()}/file cannot be used, file exists: give it to"
    )


def test_broken_data_are_refused_in_a_sentence(state: Path) -> None:
    with embedded.running(state):
        pass
    (state / "postgresql/global/pg_control").unlink()
    with pytest.raises(embedded.EmbeddedFailed, match=r"does not start: .*pg_control"), embedded.running(state):
        pass
