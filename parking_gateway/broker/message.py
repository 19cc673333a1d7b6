"""A message as the broker sent it."""

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message from the broker, not acknowledged yet."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    is_redelivered: bool
