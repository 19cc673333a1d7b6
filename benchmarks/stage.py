"""The temporary PostgreSQL of every benchmark command, and its messages to the user."""

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
    """The server and the folder of a benchmark."""

    server: Postgres
    folder: Path
    """The folder for all files of a run."""

    def make(self, name: str, *, spaces: int, is_published: bool = False) -> str:
        """Create a database with the gateway's tables and a car park. Returns its URL."""
        self.server.execute("create database {}", name)
        url = self.server.url_of(name)
        asyncio.run(_migrate(url))
        car_park.seed(url, spaces=spaces, is_published=is_published)
        return url


@contextmanager
def stage() -> Iterator[Stage]:
    """Start PostgreSQL. Ends the program with a sentence where a benchmark cannot go on. Each run starts its own broker."""
    try:
        servers.mosquitto_version()  # fails before anything is started
        with tempfile.TemporaryDirectory(prefix="parking-gateway-bench-") as name:
            folder = Path(name)
            with servers.postgres(folder) as server:
                yield Stage(server=server, folder=folder)
    except (Unavailable, Failed, LeftOver) as reason:
        print_line(f"{type(reason).__name__}: {reason}")
        raise typer.Exit(1) from None


async def _migrate(url: str) -> None:
    async with opened(url, DatabaseConfig()) as pool:
        await migrating.upgrade(pool.engine)


def print_line(line: str) -> None:
    """Print to standard error; results go to standard output."""
    typer.echo(line, err=True)
