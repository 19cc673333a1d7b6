"""Guests, from text that a test writes, and devices that they decode."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

HEAD = """
import os, sys, time
from decoders import Device, Frame, Occupancy, Reading, Undecodable
DEVICE = Device(vendor="Acme", model="X", ports=())
OCCUPIED = Reading(occupancy=Occupancy.OCCUPIED)
"""
ASKED = "open({!r}, 'a').write('.')"
"""Code of a guest that counts how often it was run."""

Guest = Callable[..., Path]
Install = Callable[[str, str], Awaitable[None]]


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """Write a codec of this name with this body of `decode`, and return the drop-in folder."""
    folder = tmp_path / "dropins"
    folder.mkdir()

    def write(name: str, body: str, *, first: str = "") -> Path:
        (folder / f"{name}.py").write_text(f"{HEAD}{first}\ndef decode(frame):\n    {body}\n")
        return folder

    return write


@pytest.fixture
def install(engine: AsyncEngine) -> Install:
    """Set the codec of an installed device."""

    async def install(device: str, codec: str) -> None:
        async with engine.begin() as connection:
            change = "update installation set codec = :codec where dev_eui = :device"
            await connection.execute(sa.text(change), {"codec": codec, "device": device})

    return install
