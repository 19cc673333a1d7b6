"""What was made of uplinks when they came, as far as the database still has it: a rejection, or the occupancy of their space."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId
from parking_gateway.store.occupancy_then import occupancy_then, stay_then
from parking_gateway.store.query import Query, written
from parking_gateway.store.rows import arrays


class Placed(NamedTuple):
    """An uplink, with the space that its device watches."""

    deduplication_id: UUID
    dev_eui: DevEui
    space: SpaceId
    at: datetime


# Of several sensors the stays show no single one, and of an observed one nothing: its occupancies are rows of their own.
_OCCUPANCIES: Final = written(f"""
select
    batch.deduplication_id,
    case
        when observed.deduplication_id is not null then observed.occupancy
        else {occupancy_then("batch.at")}
    end
from unnest(
    cast(:deduplication_id as uuid[]), cast(:dev_eui as text[]), cast(:space as bigint[]), cast(:at as timestamptz[])
) as batch (deduplication_id, dev_eui, space, at)
join space on space.id = batch.space
left join observed on
    observed.dev_eui = batch.dev_eui and observed.deduplication_id = batch.deduplication_id and observed.channel = 0
left join installation on
    installation.dev_eui = batch.dev_eui and installation.channel = 0 and installation.space_id = batch.space
{stay_then("batch.space", "batch.at")}
where
    observed.deduplication_id is not null
    or space.occupancy is not null and space.sensors is null and batch.at >= space.watched_since
        and installation.observe_left is null
""")
_REJECTIONS: Final = written("""
select rejection.deduplication_id, rejection.detail
from rejection
where
    rejection.dev_eui in (select unnest(cast(:dev_eui as text[])))
    and rejection.deduplication_id in (select unnest(cast(:deduplication_id as uuid[])))
""")


def occupancies(uplinks: Iterable[Placed]) -> Query[dict[UUID, str]]:
    """The occupancy of the space when these uplinks were heard, for those of which the stays of the space have it."""
    batch = list(uplinks)
    arguments = arrays(
        deduplication_id=[one.deduplication_id for one in batch],
        dev_eui=[one.dev_eui for one in batch],
        space=[one.space for one in batch],
        at=[one.at for one in batch],
    )
    return Query(statement=_OCCUPANCIES, arguments=arguments, read=dict)


def rejections(uplinks: Iterable[Placed]) -> Query[dict[UUID, str]]:
    """Why codecs could not read these uplinks, for those that were rejected and not read since."""
    batch = list(uplinks)
    arguments = arrays(
        deduplication_id=[one.deduplication_id for one in batch], dev_eui=sorted({one.dev_eui for one in batch})
    )
    return Query(statement=_REJECTIONS, arguments=arguments, read=dict)
