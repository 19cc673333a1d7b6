"""Observed installations: what their uplinks would have meant for their spaces, and how many more are observed."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.core.observing import Observed, Observing
from parking_gateway.store.old_rows import deletion
from parking_gateway.store.query import Query, Statement, command, written
from parking_gateway.store.rows import array_of, arrays, encode, listed, table_of
from parking_gateway.store.tables import observed

_ROWS: Final = table_of(*observed.c)
_RECORD: Final = Statement(
    pg.insert(observed).from_select(list(observed.c), sa.select(*_ROWS.c)).on_conflict_do_nothing()
)
_REPLACE: Final = Statement(
    observed.update()
    .where(
        observed.c.dev_eui == _ROWS.c.dev_eui,
        observed.c.deduplication_id == _ROWS.c.deduplication_id,
        observed.c.channel == _ROWS.c.channel,
    )
    .values({name: _ROWS.c[name] for name in ("at", "occupancy", "codec")})
)
# The decision says whether the observation is over, and not the row: another gateway may have counted meanwhile, and then one uplink
# more is observed. A space has nothing to do with the uplinks up to the last observed one: its history begins behind it.
_COUNT: Final = written("""
with counted as (
    update installation
    set observe_left = case
        when installation.observe_left < 0 then installation.observe_left
        when not batch.is_over then greatest(installation.observe_left - batch.uplinks, 1)
    end
    from unnest(
        cast(:dev_eui as text[]), cast(:channel as integer[]), cast(:uplinks as integer[]), cast(:is_over as boolean[]),
        cast(:since as timestamptz[])
    ) as batch (dev_eui, channel, uplinks, is_over, since)
    where
        installation.dev_eui = batch.dev_eui and installation.channel = batch.channel
        and installation.observe_left is not null
    returning installation.dev_eui, installation.space_id, installation.observe_left, batch.since
), published as (
    update device
    set version = device.version + 1
    from counted
    where device.dev_eui = counted.dev_eui and counted.observe_left is null
)
update space
set watched_since = greatest(space.watched_since, least(now(), counted.since))
from counted
where space.id = counted.space_id and counted.observe_left is null
""")
_OF_DEVICES: Final = Statement(
    sa.select(observed.c.deduplication_id, observed.c.channel).where(
        observed.c.dev_eui.in_(listed("dev_euis", sa.Text))
    )
)
delete_old: Final = deletion(observed.c.at)


def record(observing: Observing) -> list[Query[None]]:
    """Keep what the uplinks of the batch would have meant, and count them. Their spaces are locked."""
    counted = observing.counted.values()
    return [
        command(_RECORD, _rows(observing.observed)),
        command(
            _COUNT,
            arrays(
                dev_eui=[one.dev_eui for one in counted],
                channel=[one.channel for one in counted],
                uplinks=[one.uplinks for one in counted],
                is_over=[one.is_over for one in counted],
                since=[one.since for one in counted],
            ),
        ),
    ]


def replace(read_again: Collection[Observed]) -> Query[None]:
    """Replace what uplinks of observed installations would have meant, because they were read again. Others are not kept."""
    return command(_REPLACE, _rows(read_again))


def of_devices(devices: Collection[DevEui]) -> Query[set[tuple[UUID, int]]]:
    """The uplinks of these devices that were observed, with the channel."""
    return Query(statement=_OF_DEVICES, arguments={"dev_euis": array_of(list(devices))}, read=set)


def _rows(observations: Collection[Observed]) -> dict[str, str]:
    rows = (
        {
            "dev_eui": one.seen.dev_eui,
            "deduplication_id": one.seen.cause,
            "channel": one.seen.channel,
            "space": one.space,
            "at": one.seen.seen_at,
            "occupancy": one.seen.occupancy,
            "codec": one.codec,
        }
        for one in observations
    )
    return encode(_ROWS, rows)
