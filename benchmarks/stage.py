"""What every command of the benchmark stands on: a PostgreSQL in a folder that goes away, and one way to say what is wrong."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import typer

from benchmarks import car_park, servers
from benchmarks.contestants import Failed
from benchmarks.servers import Postgres, Unavailable
from benchmarks.sessions import LeftOver
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import migrating
from parking_gateway.store.pool import opened

RESULTS: Final = Path(__file__).parent / "results"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a benchmark takes place."""

    server: Postgres
    folder: Path
    """Of everything that a run leaves."""

    def make(self, name: str, *, spaces: int, is_published: bool = False) -> str:
        """A database with the gateway's tables and a car park in them. Returns its URL."""
        self.server.execute("create database {}", name)
        url = self.server.url_of(name)
        asyncio.run(_migrate(url))
        car_park.seed(url, spaces=spaces, is_published=is_published)
        return url


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything but the brokers, which live as long as a run. Ends the program with a sentence when it cannot go on."""
    try:
        servers.mosquitto_version()  # what is not installed shall be missed before anything is started
        with tempfile.TemporaryDirectory(prefix="parking-gateway-bench-") as name:
            folder = Path(name)
            with servers.postgres(folder) as server:
                yield Stage(server=server, folder=folder)
    except (Unavailable, Failed, LeftOver) as reason:
        say(f"{type(reason).__name__}: {reason}")
        raise typer.Exit(1) from None


async def _migrate(url: str) -> None:
    async with opened(url, DatabaseConfig()) as pool:
        await migrating.upgrade(pool.engine)


def say(what: str) -> None:
    """Tell whoever waits what is being done; results go elsewhere."""
    typer.echo(what, err=True)
