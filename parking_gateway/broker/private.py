"""Every private name of aiomqtt and paho that we use, each behind a name of ours. No other file touches one.

`tests/broker/test_private.py` fails with the name when a new version of a library changes one. Where aiomqtt or paho has a
public way, the other files use that.
"""

import socket
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage, _WebsocketWrapper
from paho.mqtt.enums import MessageType


def paho_of(client: aiomqtt.Client) -> Paho:
    """The client of paho beneath aiomqtt's. aiomqtt passes on no acknowledgement, reason code or flag of CONNACK."""
    return client._client  # noqa: SLF001


def connect_over(client: aiomqtt.Client, open_socket: Any) -> None:
    """Send CONNECT over this socket. paho opens one itself, but that blocks the event loop and cannot be cancelled."""
    paho_of(client)._create_socket = lambda: open_socket  # type: ignore[method-assign] # noqa: SLF001
    client._client_connect()  # noqa: SLF001


def hang_up(paho: Paho) -> None:
    """Close the socket without DISCONNECT, so that the broker publishes the will."""
    paho._sock_close()  # noqa: SLF001


def send_packets(paho: Paho, kind: MessageType, packets: bytes) -> None:
    """Queue these bytes behind paho's own packets, as one write. paho itself queues each packet alone."""
    paho._packet_queue(kind, packets, 0, 1)  # noqa: SLF001 - with 0 as QoS, paho calls `on_publish` for what it has sent


def next_packet_id(paho: Paho) -> int:
    """A packet id that differs from those of paho's own packets."""
    return paho._mid_generate()  # noqa: SLF001


def expect_no_pong(paho: Paho) -> None:
    """End paho's wait for the answer to its last ping. It accepts no other packet as a sign of life."""
    paho._ping_t = 0  # noqa: SLF001


def topic_of(message: MQTTMessage) -> str:
    """The topic, also of a message whose topic is no UTF-8. paho's public property raises for that."""
    return message._topic.decode(errors="replace")  # noqa: SLF001


class FrameSocket(_WebsocketWrapper):
    """paho's socket of WebSocket, which shakes hands and writes frames."""

    @property
    def beneath(self) -> socket.socket:
        """The socket of TCP or TLS."""
        return self._socket

    @property
    def is_within_a_frame(self) -> bool:
        """Whether a frame was written in part."""
        return bool(self._sendbuffer)

    def frame(self, opcode: int, payload: bytes) -> bytes | bytearray:
        """A frame with header and mask."""
        return self._create_frame(opcode, bytearray(payload))
