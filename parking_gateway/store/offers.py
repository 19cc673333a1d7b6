"""What was offered when: a space in service or not, reserved or not. `history` reads it to correct the past."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from parking_gateway.core.stay import Offer
from parking_gateway.store import query
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, command, counts
from parking_gateway.store.rows import arrays


def append(offers: Sequence[Offer]) -> Query[None]:
    """Append what is offered from then on, in the order in which it changed."""
    columns = arrays(
        number=list(range(len(offers))),
        space=[one.space for one in offers],
        at=[one.at for one in offers],
        service=[one.service for one in offers],
        reservation=[one.reservation for one in offers],
        cause=[one.cause for one in offers],
    )
    return command(HOT["append_offers"], columns)


def delete_old(before: datetime, limit: int) -> Query[int]:
    """Delete what was offered before this time and not at it any more. The answer is how many rows they were."""
    return counts(_DELETE_OLD, {"before": before, "limit": limit})


_DELETE_OLD: Final = query.written(
    """
with gone as (
    delete from offer
    where (space, at, id) in (
        select space, at, id
        from offer as old
        where
            old.at < :before
            and exists (
                select from offer as next
                where next.space = old.space and next.at <= :before and (next.at, next.id) > (old.at, old.id)
            )
        limit :limit
    )
    returning 1
)
select count(*) from gone
""",
    before=sa.TIMESTAMP(timezone=True),
    limit=sa.Integer,
)
