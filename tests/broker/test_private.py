"""The private names of aiomqtt and paho that we use are there, in the shape that we use.

A new version may change them at any time. Then a test here fails with the name, before connections fail in ways that are
hard to understand.
"""

import ast
import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MessageType

from parking_gateway import broker
from parking_gateway.broker import private

FOLDER = Path(broker.__file__).parent


def changed(name: str, what: str) -> str:
    library = "aiomqtt" if name.startswith("aiomqtt") else "paho-mqtt"
    return (
        f"{library} {version(library)} {what}: {name}. parking_gateway/broker/private.py uses it. Adapt that file, or keep"
        f" {library} below this version in pyproject.toml"
    )


@pytest.fixture
def client() -> paho.Client:
    return paho.Client(CallbackAPIVersion.VERSION2)


@pytest.mark.parametrize(
    ("name", "owner", "parameters"),
    [
        ("aiomqtt.Client._client_connect", aiomqtt.Client, ["self"]),
        ("paho.Client._create_socket", paho.Client, ["self"]),
        ("paho.Client._sock_close", paho.Client, ["self"]),
        ("paho.Client._packet_queue", paho.Client, ["self", "command", "packet", "mid", "qos", "info"]),
        ("paho.Client._mid_generate", paho.Client, ["self"]),
        ("paho._WebsocketWrapper._create_frame", paho._WebsocketWrapper, ["self", "opcode", "data", "do_masking"]),
        (
            "paho._WebsocketWrapper.__init__",
            paho._WebsocketWrapper,
            ["self", "socket", "host", "port", "is_ssl", "path", "extra_headers"],
        ),
    ],
)
def test_a_private_method_is_there(name: str, owner: type, parameters: list[str]) -> None:
    method: Callable[..., Any] | None = getattr(owner, name.rpartition(".")[2], None)
    assert callable(method), changed(name, "has this method no more")
    assert list(inspect.signature(method).parameters) == parameters, changed(name, "has other parameters")


async def test_paho_s_client_is_beneath_aiomqtt_s() -> None:
    name = "aiomqtt.Client._client"
    found = getattr(aiomqtt.Client("localhost"), "_client", None)
    assert isinstance(found, paho.Client), changed(name, "has paho's client elsewhere")


def test_paho_connects_over_the_socket_of_its_private_method() -> None:
    """Aiomqtt's `_client_connect` ends in paho's `connect`, and that in `_create_socket`."""
    name = "aiomqtt.Client._client_connect"
    assert "self._client.connect(" in inspect.getsource(aiomqtt.Client._client_connect), changed(name, "differs")
    name = "paho.Client._create_socket"
    assert "= self._create_socket()" in inspect.getsource(paho.Client.reconnect), changed(name, "does not call it")


def test_a_ping_without_an_answer_is_a_time_that_can_be_cleared(client: paho.Client) -> None:
    name = "paho.Client._ping_t"
    assert isinstance(getattr(client, "_ping_t", None), float | int), changed(name, "has no such number")
    assert "self._ping_t == 0" in inspect.getsource(paho.Client._check_keepalive), changed(name, "does not look at it")


def test_queued_packets_are_written_as_they_are(client: paho.Client) -> None:
    name = "paho.Client._packet_queue"
    private.send_packets(client, MessageType.PUBACK, b"packets")
    (queued,) = client._out_packet
    assert (queued["packet"], queued["qos"]) == (b"packets", 1), changed(name, "queues something else")


def test_a_packet_id_is_given_once(client: paho.Client) -> None:
    name = "paho.Client._mid_generate"
    ids = [private.next_packet_id(client) for _ in range(70_000)]
    assert set(ids) == set(range(1, 65_536)), changed(name, "gives other numbers")


def test_a_topic_that_is_no_text_can_be_read() -> None:
    name = "paho.MQTTMessage._topic"
    message = paho.MQTTMessage(1, b"a/\xff")
    assert getattr(message, "_topic", None) == b"a/\xff", changed(name, "keeps no bytes")
    assert private.topic_of(message) == "a/\ufffd"


@pytest.mark.parametrize("attribute", ["_socket", "_sendbuffer"])
def test_a_websocket_has_its_attributes(attribute: str) -> None:
    name = f"paho._WebsocketWrapper.{attribute}"
    source = inspect.getsource(paho._WebsocketWrapper._send_impl)
    assert f"self.{attribute}" in source, changed(name, "does not use it")


def test_no_other_file_touches_a_private_name() -> None:
    """Ruff's SLF001 finds attributes; this finds what is imported, and every exception to the rule."""
    for file in sorted(FOLDER.glob("*.py")):
        if file.name == "private.py":
            continue
        text = file.read_text()
        assert not re.search(r"noqa:[^\n]*SLF001", text), f"{file.name} touches a private name; private.py is the place"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("aiomqtt", "paho"):
                assert not [one.name for one in node.names if one.name.startswith("_")], file.name


def test_every_private_name_is_checked_here() -> None:
    """Those of `private.py`, found by their underscore behind a dot or in an import."""
    text = (FOLDER / "private.py").read_text()
    code = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    used = set(re.findall(r"(?:\.|import .*, )(_[a-zA-Z]\w+)", code))
    checked = Path(__file__).read_text()
    assert used
    assert not [name for name in used if f"{name}" not in checked]
