"""Past readings, which a device repeats in a later frame. They are kept with their own times and change no space."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from decoders import Reading
from decoders.readings import of_channel
from parking_gateway.core.events import Uplink
from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import past_reading

_BATCH: Final = table_of(*past_reading.c)
_RECORD: Final = Statement(
    pg.insert(past_reading).from_select(list(past_reading.c), sa.select(*_BATCH.c)).on_conflict_do_nothing()
)


def record(past: Iterable[tuple[Uplink, tuple[Reading, ...]]]) -> Query[None]:
    """Keep the past readings of these uplinks. One without its own time is dropped, because it looks like the present."""
    rows = (
        {
            "deduplication_id": uplink.deduplication_id,
            "position": position,
            "dev_eui": uplink.device.dev_eui,
            "channel": channel,
            "at": at,
            "occupancy": reading.occupancy,
            "distance_mm": reading.distance_mm,
            "counter": reading.counter,
            "temperature_celsius": reading.temperature_celsius,
            "battery_percent": reading.battery_percent,
            "battery_volts": reading.battery_volts,
            "heard_at": uplink.heard_at,
        }
        for uplink, readings in past
        for position, (at, channel, reading) in enumerate(_of_channels(readings))
    )
    return command(_RECORD, encode(_BATCH, rows))


def _of_channels(readings: Iterable[Reading]) -> Iterator[tuple[datetime, int, Reading]]:
    """The readings that have a time, with the number of their sensor; of a device with one sensor it is 0."""
    for one in readings:
        if one.at is None:
            continue
        if one.channels is None:
            yield one.at, 0, one
            continue
        yield from ((one.at, channel, of_channel(one, channel)) for channel in one.channels)
