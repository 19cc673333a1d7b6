"""Every acceptance test proves that the gateway publishes on the topics of the contract only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.topics import channel_of, published

OTHERS: Final = ("desk/", "elsewhere", "end")
"""Response topics that requesters choose, and topics of tests that take over the session of a gateway."""


@pytest.fixture(autouse=True)
def topics_of_the_contract(tmp_path: Path) -> Iterator[None]:
    """Fail where Mosquitto received a message of a gateway that no channel of `schemas/asyncapi.json` describes."""
    yield
    seen = {one for log in tmp_path.rglob("mosquitto.log") for one in published(log.read_text(errors="replace"))}
    strange = {one for one in seen if channel_of(one) is None and not one.topic.startswith(OTHERS)}
    assert strange == set()
