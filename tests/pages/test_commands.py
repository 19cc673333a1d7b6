"""The commands of the installation and of the tutorial are run, on a copy of this machine. `make commands` runs all pages."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from parking_gateway.cli.demo import brokers
from tests.pages import installing, reading
from tests.pages.blocks import Block, of_page
from tests.pages.machine import CHECKOUT, run
from tests.plugins.broker import NO_MOSQUITTO

SUBSCRIBERS = CHECKOUT / "docs" / "subscribers"
LISTEN = Block(
    "what subscribers receive",
    0,
    """mosquitto_sub -u dashboard -P "$(cat /root/passwords/dashboard)" -F '%t\t%p' -t 'parking/v1/#' >/root/received &
subscriber=$!""",
)
SHOW = Block(
    "what subscribers received", 0, 'kill "$subscriber"; wait "$subscriber"; sed "s/^/received\t/" /root/received'
)


def in_their_order() -> Iterator[Block]:
    """The installation up to the start, the tutorial, the rest of the installation, and its removal."""
    for block in installing.on_this_machine():
        yield block
        if block.commands == installing.START:
            yield from (LISTEN, *reading.run_blocks(reading.TUTORIAL), SHOW)


@pytest.fixture(scope="module")
def printed() -> str:
    """What all the commands print."""
    if not brokers.program_path("mosquitto"):
        pytest.skip(NO_MOSQUITTO)
    if os.geteuid():
        pytest.skip("the commands need root, in a copy of this machine")
    return run(Path("/"), list(in_their_order()), patience=200)


@pytest.fixture(scope="module")
def received(printed: str) -> list[tuple[str, Any]]:
    """Topics and messages that a dashboard received during the tutorial. A retained message that is cleared is None."""
    lines = re.findall(r"^received\t(\S+)\t(.*)$", printed, re.MULTILINE)
    return [(topic, json.loads(payload) if payload else None) for topic, payload in lines]


def test_the_installation_ends_with_two_spaces_that_follow_their_sensors_and_a_green_doctor(printed: str) -> None:
    assert re.findall(r'^\{.*"space":"(A-00\d)","state":"(\w+)"', printed, re.MULTILINE)[-2:] == [
        ("A-001", "OCCUPIED"),
        ("A-002", "OCCUPIED"),
    ]
    assert re.findall(r"^(\d+) wrong", printed, re.MULTILINE) == ["0", "0"]  # and after the upgrade


def test_the_space_of_the_tutorial_becomes_occupied_free_and_occupied_while_the_gateway_is_stopped(
    received: list[tuple[str, Any]],
) -> None:
    steps = [message["to"] for topic, message in received if topic == "parking/v1/transitions/central/level-1/A-001"]
    assert steps[:3] == ["OCCUPIED", "FREE", "OCCUPIED"]


def test_every_block_that_is_not_run_is_on_a_page_and_has_a_reason() -> None:
    pages = [page for page in reading.pages() if page not in reading.ELSEWHERE]
    first_lines = {block.first_line for page in pages for block in of_page(CHECKOUT, page)}
    assert reading.NOT_RUN.keys() <= first_lines
    assert all(reading.NOT_RUN.values())


def test_pages_that_are_run_elsewhere_exist_with_their_tests() -> None:
    for page, test in reading.ELSEWHERE.items():
        assert (CHECKOUT / page).exists()
        assert (CHECKOUT / test).exists()


# The recipes of other programs


def matches(topic: str, wanted: str) -> bool:
    """Whether a subscription to `wanted`, with `+` for a level, receives the topic."""
    return len(topic.split("/")) == len(wanted.split("/")) and all(
        one in ("+", other) for one, other in zip(wanted.split("/"), topic.split("/"), strict=True)
    )


def messages_of(received: list[tuple[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Those of a subscription. There are some, or the recipe gets none."""
    found = [message for topic, message in received if matches(topic, wanted) and message is not None]
    assert found, f"nothing is published on {wanted}"
    return found


def test_the_flow_of_node_red_reads_fields_that_every_message_of_its_topics_has(
    received: list[tuple[str, Any]],
) -> None:
    nodes = {node["id"]: node for node in json.loads((SUBSCRIBERS / "node-red-flow.json").read_text())}
    sources = [node for node in nodes.values() if node["type"] == "mqtt in"]
    assert len(sources) == 3
    for source in sources:
        assert nodes[source["broker"]]["type"] == "mqtt-broker"
        behind = [nodes[name] for node in (source, *_behind(nodes, source)) for (name, *_) in node["wires"]]
        fields = set(re.findall(r'"payload\.(\w+)"', json.dumps(behind)))
        assert fields
        for message in messages_of(received, source["topic"]):
            assert fields <= message.keys(), source["topic"]


def _behind(nodes: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that get its messages, one after the other."""
    following = [nodes[name] for wires in node["wires"] for name in wires]
    return [*following, *chain.from_iterable(_behind(nodes, one) for one in following)]


def test_the_configuration_of_telegraf_reads_fields_of_their_types(received: list[tuple[str, Any]]) -> None:
    inputs = tomllib.loads((SUBSCRIBERS / "telegraf.conf").read_text())["inputs"]["mqtt_consumer"]
    types: dict[str, Any] = {"int": int, "float": (int, float), "string": str, "bool": bool}
    for one in inputs:
        (wanted,) = one["topics"]
        (levels,) = one["topic_parsing"]
        assert levels["topic"] == wanted
        assert len(levels["tags"].split("/")) == len(levels["measurement"].split("/")) == len(wanted.split("/"))
        (parser,) = one["json_v2"]
        for message in messages_of(received, wanted):
            for field in parser["field"]:
                assert isinstance(message[field["path"]], types[field["type"]]), field
            if "timestamp_path" in parser:
                datetime.fromisoformat(message[parser["timestamp_path"]])


def test_the_machine_stops_at_the_first_command_that_fails() -> None:
    if os.geteuid():
        pytest.skip("the commands need root, in a copy of this machine")
    blocks = [Block("a page", 1, "true"), Block("a page", 2, "echo why; false"), Block("a page", 3, "echo never")]
    with pytest.raises(AssertionError, match=r"(?s)^status 1 at a page:2, after \d s\nwhy\n$"):
        run(Path("/"), blocks)
