"""The recordings, as (scene, topic, payload), and one clock and limits for all tests here."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from parking_gateway.chirpstack import Limits, parse
from parking_gateway.core.events import DeviceEvent, Rejection, UnknownEvent, Uplink

Outcome = Uplink | DeviceEvent | UnknownEvent | Rejection

RECORDINGS = Path(__file__).parent.parent / "recordings"


class Recorded(NamedTuple):
    """A line of a recording."""

    scene: str
    topic: str
    payload: bytes


def load(form: str) -> list[Recorded]:
    lines = (RECORDINGS / f"chirpstack-{form}.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines]
    return [Recorded(m["scene"], m["topic"], base64.b64decode(m["payload"])) for m in messages]


@pytest.fixture(scope="session")
def json_recording() -> list[Recorded]:
    return load("json")


@pytest.fixture(scope="session")
def protobuf_recording() -> list[Recorded]:
    return load("protobuf")


@pytest.fixture(scope="session")
def read() -> Callable[[str, bytes], Outcome]:
    """`parse` with a fixed clock and with limits beyond every recorded message. A bare event name is a topic too."""
    received_at = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    limits = Limits(payload_bytes=10_000_000, depth=8)

    def read(topic: str, payload: bytes) -> Outcome:
        return parse(topic, payload, received_at=received_at, limits=limits)

    return read
