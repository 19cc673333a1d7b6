"""The race of connections to the addresses of a host (RFC 8305): an address that does not answer delays the next one little."""

import asyncio
import socket
from typing import Any, Final

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds (RFC 8305)."""

Attempt = asyncio.Task[socket.socket]


async def connected(host: str, port: int) -> socket.socket:
    """A socket that is connected to the address that answered first. Raises OSError.

    Cancelled at any point, it leaves nothing open.
    """
    attempts: list[Attempt] = []
    winner: Attempt | None = None
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, _, protocol, _, address in addresses:
            attempts.append(asyncio.create_task(_attempt(family, protocol, address)))
            if winner := await _winner(attempts, seconds=_NEXT_ADDRESS_AFTER):
                return winner.result()
        if winner := await _winner(attempts, seconds=None):
            return winner.result()
        raise _all_failed(attempts)
    finally:
        for attempt in attempts:
            if attempt is not winner:
                attempt.cancel()
                attempt.add_done_callback(_close)


async def _attempt(family: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    wire = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, protocol)
    try:
        await asyncio.get_running_loop().sock_connect(wire, address)
    except BaseException:
        wire.close()
        raise
    return wire


async def _winner(attempts: list[Attempt], *, seconds: float | None) -> Attempt | None:
    """The first one that has connected. None where all have failed, or none has connected in this time."""
    loop = asyncio.get_running_loop()
    ends = None if seconds is None else loop.time() + seconds
    while True:
        if winner := next((one for one in attempts if one.done() and one.exception() is None), None):
            return winner
        waiting = [one for one in attempts if not one.done()]
        left = None if ends is None else ends - loop.time()
        if not waiting or (left is not None and left <= 0):
            return None
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)


def _all_failed(attempts: list[Attempt]) -> OSError:
    """One error for all addresses: that of the first one, with the reasons of others where they differ."""
    first, *others = (error for attempt in attempts if isinstance(error := attempt.exception(), OSError))
    reasons = dict.fromkeys(str(error) for error in (first, *others))
    return first if len(reasons) == 1 else OSError(f"Multiple exceptions: {', '.join(reasons)}")


def _close(attempt: Attempt) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
