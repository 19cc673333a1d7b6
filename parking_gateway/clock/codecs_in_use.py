"""The codecs in use: what their data sheets declare about time and battery."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from decoders import Device
from parking_gateway.decoding import codecs
from parking_gateway.store import silent
from parking_gateway.store.database import Database

_EVERY: Final = timedelta(minutes=10)
"""Between two looks for new names. Until then, devices of a new codec have the default limits."""


class CodecsInUse:
    """The `DEVICE` of each codec that the database names."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is that of drop-in codecs."""
        self._folder = folder
        self._devices: dict[str, Device] = {}
        self._look_at: datetime | None = None

    def forget(self) -> None:
        """Load the codecs again, because their files may have changed."""
        self._devices = {}
        self._look_at = None

    async def look(self, database: Database, *, now: datetime) -> Mapping[str, Device]:
        """The codecs by name. Names are looked up once in a while; a codec of others is loaded beside the event loop."""
        if self._look_at is None or now >= self._look_at:
            async with database.connect() as connection:
                (names,) = await connection.commit_together(silent.codecs())
            for name in set(names) - self._devices.keys():
                await self._load(name)
            self._look_at = now + _EVERY
        return self._devices

    async def _load(self, name: str) -> None:
        try:
            codec = await asyncio.to_thread(codecs.find, name, dropins=self._folder)
        except codecs.CodecNotFound:  # it may come: the next look tries again
            return
        self._devices[name] = codec.device
