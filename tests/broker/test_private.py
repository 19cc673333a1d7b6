"""The private names of aiomqtt and paho that we use are there, in the shape that we use.

A new version may change them at any time. Then a test here fails with the name, before connections fail in ways that are
hard to understand.
"""

import ast
import inspect
import re
import socket
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
        f"{library} {version(library)} {what} {name}. parking_gateway/broker/private.py uses it. Adapt that file, or keep"
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
    assert callable(method), changed(name, "no longer has")
    assert list(inspect.signature(method).parameters) == parameters, changed(name, "has other parameters of")


async def test_paho_s_client_is_beneath_aiomqtt_s() -> None:
    name = "aiomqtt.Client._client"
    found = getattr(aiomqtt.Client("localhost"), "_client", None)
    assert isinstance(found, paho.Client), changed(name, "does not keep paho's client in")


def test_aiomqtt_connects_by_paho_s_connect() -> None:
    name = "aiomqtt.Client._client_connect"
    assert "self._client.connect(" in inspect.getsource(aiomqtt.Client._client_connect), changed(name, "differs in")


def test_paho_connects_over_the_socket_of_its_private_method(
    client: paho.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "paho.Client._create_socket"
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(client, "_create_socket", lambda: ours)
    with ours, theirs:
        try:
            client.connect("broker.invalid")
        except OSError:
            pytest.fail(changed(name, "opens its socket elsewhere, not in"))
        assert theirs.recv(1) == b"\x10"  # CONNECT
        private.hang_up(client)
        assert ours.fileno() == -1, changed("paho.Client._sock_close", "does not close the socket in")


def test_the_wait_for_a_pong_can_be_ended(client: paho.Client) -> None:
    """`test_receiving` shows the effect. This shows that the name is paho's."""
    name = "paho.Client._ping_t"
    assert isinstance(getattr(client, "_ping_t", None), float | int), changed(name, "has no number in")
    private.expect_no_pong(client)
    assert getattr(client, "_ping_t", None) == 0


def test_queued_packets_are_written_as_they_are(client: paho.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(client, "_create_socket", lambda: ours)
    with ours, theirs:
        client.connect("broker.invalid")
        theirs.recv(1000)
        private.send_packets(client, MessageType.PUBLISH, b"two packets")
        assert theirs.recv(1000) == b"two packets", changed("paho.Client._packet_queue", "writes something else in")
        private.hang_up(client)


def test_a_packet_id_is_given_once(client: paho.Client) -> None:
    name = "paho.Client._mid_generate"
    ids = [private.next_packet_id(client) for _ in range(70_000)]
    assert set(ids) == set(range(1, 65_536)), changed(name, "gives other numbers in")


def test_a_topic_that_is_no_text_can_be_read() -> None:
    name = "paho.MQTTMessage._topic"
    message = paho.MQTTMessage(1, b"a/\xff")
    assert getattr(message, "_topic", None) == b"a/\xff", changed(name, "keeps no bytes in")
    assert private.topic_of(message) == "a/\ufffd"


def test_a_frame_is_written_from_a_buffer_to_the_socket_beneath() -> None:
    source = inspect.getsource(paho._WebsocketWrapper)
    for name in ("_socket", "_sendbuffer"):
        assert f"self.{name} = " in source, changed(f"paho._WebsocketWrapper.{name}", "no longer has")
    assert "self._socket.send(self._sendbuffer)" in source, changed("paho._WebsocketWrapper._sendbuffer", "differs in")


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
