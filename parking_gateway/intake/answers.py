"""Answers of the network to downlinks: their lines follow in the transaction that records the events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from parking_gateway.core import line
from parking_gateway.core.downlink import Downlink, answers_of
from parking_gateway.core.events import EventMessage
from parking_gateway.store import downlinks
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query


async def followed(connection: Connection, events: Sequence[EventMessage], *, now: datetime) -> list[Query[Any]]:
    """What is to be written because of these events: `txack`, `ack`, errors of downlinks, and joins.

    Other events need no round trip. Lines are locked in the order of devices, behind spaces.
    """
    answers = answers_of(message.event for message in events)
    if not answers:
        return []
    devices = sorted({one.dev_eui for one in answers})
    _, before = await connection.together(downlinks.lock_known(devices), downlinks.of_devices(devices, now=now))
    if not before:
        return []
    after: list[Downlink] = []
    for of_line in line.lines_of(before).values():
        changed: line.Line = of_line
        for answer in answers:
            if answer.dev_eui == next(iter(of_line.values())).dev_eui:
                changed = line.answered(changed, answer, now=now)
        after += changed.values()
    return downlinks.save(before, after)
