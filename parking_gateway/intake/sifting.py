"""Which messages of a batch cannot be recorded, and why: the net beneath everything that can go wrong with a message.

A batch that failed is tried in pieces, then the failed pieces message by message. A trial is everything that would be
written, under a savepoint that is undone. So a search costs a handful of round trips, whether one message of a thousand
is at fault or all are: 0.3 ms a message, where a transaction for each half of a half takes 12 ms.
"""

from collections.abc import Callable, Iterable, Sequence
from math import isqrt
from typing import Any

from parking_gateway.broker.message import Message
from parking_gateway.core.events import DevEui
from parking_gateway.intake.recording import Interpreted, Known, Outcome, told_of_all
from parking_gateway.store import spaces, uplinks
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query
from parking_gateway.store.verdicts import Verdict, answer_of

Faults = dict[int, Exception]
"""Why a message cannot be recorded, by its place in the batch."""
Piece = tuple[int, ...]
"""Places in the batch."""
Interpret = Callable[[Sequence[Message]], Interpreted]
"""`recording.interpret` with all else that it is given."""
Decide = Callable[[Interpreted, Known], tuple[Outcome, list[Query[None]]]]
"""`recording.decide`, likewise."""


async def faults(connection: Connection, batch: Sequence[Message], *, interpret: Interpret, decide: Decide) -> Faults:
    """Why messages of this batch cannot be recorded. Empty where each of them could be, were it alone.

    Nothing is kept of the trials. Raises what the database raises for another reason than a message.
    """
    found: Faults = {}
    devices: set[DevEui] = set()
    for place, message in enumerate(batch):
        try:
            devices |= interpret([message]).concerned()
        except Exception as bug:  # noqa: BLE001 - whatever it is, it costs this message and no other
            found[place] = bug
    (watched,) = await connection.together(spaces.lock_watched_by(devices))
    told = await told_of_all(connection, devices, watched)

    def read(places: Piece) -> Interpreted:
        return interpret([batch[place] for place in places])

    def uplinks_of(places: Piece) -> list[Query[Any]]:
        return [uplinks.record([uplink for _, uplink in read(places).uplinks.values()])]

    def all_of(places: Piece) -> list[Query[Any]]:
        new = [uplink for _, uplink in read(places).uplinks.values()]
        return [uplinks.record(new), *decide(read(places), Known(new=new, watched=watched, told=told))[1]]

    readable = [place for place in range(len(batch)) if place not in found]
    size = isqrt(len(readable)) + 1
    pieces = [tuple(readable[start : start + size]) for start in range(0, len(readable), size)]
    suspects = [place for piece in await _failed(connection, pieces, all_of) for place in piece]
    for writes in (uplinks_of, all_of):  # most are refused as uplinks, and nothing else of those has to be worked out
        alone = [(place,) for place in suspects if place not in found]
        found |= {place: fault for (place,), fault in (await _failed(connection, alone, writes)).items()}
    return found


async def _failed(
    connection: Connection, pieces: Iterable[Piece], writes: Callable[[Piece], list[Query[Any]]]
) -> dict[Piece, Exception]:
    """The pieces that cannot be written, each with the first reason."""
    found: dict[Piece, Exception] = {}
    trials: dict[Piece, list[Query[Any]]] = {}
    for piece in pieces:
        try:
            trials[piece] = writes(piece)
        except Exception as bug:  # noqa: BLE001 - as above
            found[piece] = bug
    errors = await connection.tried(list(trials.values())) if trials else []
    for piece, error in zip(trials, errors, strict=True):
        if error is None:
            continue
        if answer_of(error).verdict in (Verdict.AWAY, Verdict.NOT_OURS):
            raise error
        found[piece] = error
    return found
