"""Which messages of a batch cannot be recorded, and why: the net beneath everything that can go wrong with a message.

A batch that failed is tried in pieces, then the failed pieces message by message. A trial is everything that would be written,
under a savepoint that is undone. So a search costs a handful of round trips, whether one message of a thousand is at fault or
all are: 0.3 ms a message, where a transaction for each half of a half takes 12 ms.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from math import isqrt
from typing import Any

from parking_gateway.broker.message import Message
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.events import DevEui, Reason, Rejection
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.decide import decide
from parking_gateway.intake.read import Batch
from parking_gateway.intake.record import additions, snapshots_of, statements
from parking_gateway.store import spaces, uplinks
from parking_gateway.store.database import Connection
from parking_gateway.store.patience import Refused
from parking_gateway.store.query import Query
from parking_gateway.store.verdicts import FAILURES, Verdict, diagnosis_of

Faults = dict[int, Exception]
"""Why a message cannot be recorded, by its place in the batch."""
Piece = tuple[int, ...]
"""Places in the batch."""
Read = Callable[[Sequence[Message]], Batch]
"""`read.read` with all else that it is given."""


async def faults(
    connection: Connection,
    messages: Sequence[Message],
    *,
    read: Read,
    decoder: Decoder,
    announce_every: timedelta,
) -> Faults:
    """Why messages of this batch cannot be recorded. Empty where each of them could be, were it alone.

    Nothing is kept of the trials. Raises what the database raises for another reason than a message.
    """
    found: Faults = {}
    readable: dict[int, Batch] = {}
    for place, message in enumerate(messages):
        try:
            readable[place] = read([message])
        except Exception as bug:  # noqa: BLE001 - whatever it is, it costs this message and no other
            found[place] = bug
    devices: set[DevEui] = {dev_eui for batch in readable.values() for dev_eui in batch.devices}
    (locked,) = await connection.together(spaces.lock(devices))
    snapshots = await snapshots_of(
        connection, [uplink for batch in readable.values() for uplink in batch.uplinks], locked
    )

    def batch_of(places: Piece) -> Batch:
        return read([messages[place] for place in places])

    def uplinks_of(places: Piece) -> list[Query[Any]]:
        return [uplinks.add(map(DeviceReading, batch_of(places).uplinks), {})]

    def all_of(places: Piece) -> list[Query[Any]]:
        batch = batch_of(places)
        decision = decide(batch, batch.uplinks, locked, decoder=decoder)
        rejected = [*batch.dead_letters, *decision.rejected]
        changes = statements(batch, decision, locked, snapshots, rejected=rejected, announce_every=announce_every)
        # In the order of `record`: with the uplinks before the spaces, it and a trial of the same uplink would deadlock.
        return [uplinks.enter(), spaces.lock(batch.devices), *additions(decision, {}), *changes]

    size = isqrt(len(readable)) + 1
    places = list(readable)
    pieces = [tuple(places[start : start + size]) for start in range(0, len(places), size)]
    suspects = [place for piece in await _failed(connection, pieces, all_of) for place in piece]
    for written in (uplinks_of, all_of):  # most are refused as uplinks, and then nothing else has to be worked out
        alone = [(place,) for place in suspects if place not in found]
        failed = await _failed(connection, alone, written)
        # An uplink that is recorded already can be recorded: nothing is written for it.
        found |= {place: fault for (place,), fault in failed.items() if not uplinks.is_repetition(fault)}
    return found


def rejection(fault: Exception) -> Rejection:
    """The reason for the person who looks at the row: PostgreSQL refuses the message, or the gateway has a mistake."""
    answer = diagnosis_of(fault) if isinstance(fault, FAILURES) else None
    detail = answer.message if answer else str(fault)
    if isinstance(fault, Refused) or (answer and answer.verdict is Verdict.FAULT):
        return Rejection(reason=Reason.INVALID, detail=f"PostgreSQL refuses it: {detail}")
    return Rejection(reason=Reason.GATEWAY_FAILED, detail=f"{type(fault).__name__}: {detail}")


async def _failed(
    connection: Connection, pieces: Iterable[Piece], written: Callable[[Piece], list[Query[Any]]]
) -> dict[Piece, Exception]:
    """The pieces that cannot be written, each with the first reason."""
    found: dict[Piece, Exception] = {}
    trials: dict[Piece, list[Query[Any]]] = {}
    for piece in pieces:
        try:
            trials[piece] = written(piece)
        except Exception as bug:  # noqa: BLE001 - as above
            found[piece] = bug
    errors = await connection.tried(list(trials.values())) if trials else []
    for piece, error in zip(trials, errors, strict=True):
        if error is None:
            continue
        if diagnosis_of(error).verdict in (Verdict.AWAY, Verdict.NOT_OURS):
            raise error
        found[piece] = error
    return found
