"""Messages that are published once: written with their causes, read in their order by one gateway, and deleted.

One gateway at a time publishes them, because two would publish messages of one space in any order, and each message twice.
It claims all of them for a while, again with every page, and gives up the claim with the first empty page.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from parking_gateway.core.outgoing import DueOutgoing, Outgoing, read, written
from parking_gateway.store import query
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, Rows, Statement, command, counts
from parking_gateway.store.rows import array_of, listed
from parking_gateway.store.tables import outgoing

CLAIMED: Final = timedelta(seconds=30)
"""How long others wait for a gateway that died with a claim."""
KEPT: Final = "7 days"
"""After this time a message that the broker does not take is deleted, unless it names a time itself."""


def send(messages: Sequence[Outgoing]) -> Query[None]:
    """Write the messages, in their order."""
    return command(HOT["send_outgoing"], {"bodies": written(messages), "kept": KEPT})


def claim(instance: str) -> Query[None]:
    """Claim all messages for this gateway, unless another one has claimed them. Until the commit, others wait for this.

    Where there are none, nothing is written, because this is executed every few seconds.
    """
    return command(_CLAIM, {"instance": instance, "seconds": CLAIMED.total_seconds()})


def page(instance: str, *, limit: int) -> Query[list[DueOutgoing]]:
    """The oldest messages, if this gateway has claimed them. If there are none, the claim ends.

    To be executed after `claim` in its transaction. A gateway that finds the claim taken leaves its new messages to the
    owner, whose next page has them, because these two are ordered by the lock of the claim.
    """
    return Query(statement=_PAGE, arguments={"instance": instance, "limit": limit}, read=_due)


def claimed_by_another(instance: str) -> Query[float]:
    """For how many more seconds another gateway has claimed the messages; 0: none has."""
    return Query(statement=_OTHERS, arguments={"instance": instance}, read=lambda rows: float(rows[0][0]))


def delete(ids: Sequence[int]) -> Query[None]:
    """Delete the messages, because the broker has confirmed them."""
    return command(_DELETE, {"ids": array_of(ids)})


def postpone(ids: Sequence[int], *, by: timedelta) -> Query[None]:
    """Leave these messages for later, because the broker refuses them."""
    return command(_POSTPONE, {"ids": array_of(ids), "seconds": by.total_seconds()})


def delete_expired() -> Query[int]:
    """Delete messages that nobody waits for any more. The answer is how many they were."""
    return counts(_DELETE_EXPIRED)


def _due(rows: Rows) -> list[DueOutgoing]:
    return [
        DueOutgoing(id=number, site=site, zone=zone, space=space, message=read(body))
        for number, site, zone, space, body in rows
    ]


_CLAIM: Final = query.written(
    """
insert into outgoing_claim as claim (claimed_by, claimed_until)
select :instance, now() + make_interval(secs => :seconds)
where
    exists (select from outgoing where (retry_at is null or retry_at <= now()) and expires_at > now())
    -- The owner locks the row before its last page, also where it sees no message.
    or exists (select from outgoing_claim where claimed_by = :instance)
on conflict (is_only) do update
set claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
where claim.claimed_by is null or claim.claimed_by = excluded.claimed_by or claim.claimed_until <= now()
""",
    seconds=sa.Double,
)
_PAGE: Final = query.written(
    """
with page as (
    select id, site, zone, space, cast(body as text) as body_text
    from outgoing
    where
        (retry_at is null or retry_at <= now()) and expires_at > now()
        and exists (select from outgoing_claim where claimed_by = :instance)
    order by id
    limit :limit
), released as (
    update outgoing_claim
    set claimed_by = null
    where claimed_by = :instance and not exists (select from page)
)
select id, site, zone, space, body_text
from page
order by id
""",
    limit=sa.Integer,
)
_OTHERS: Final = query.written("""
select coalesce(max(extract(epoch from claimed_until - now())), 0)
from outgoing_claim
where claimed_by <> :instance and claimed_until > now()
""")
_IDS: Final = outgoing.c.id.in_(listed("ids", sa.BigInteger))
_DELETE: Final = Statement(outgoing.delete().where(_IDS))
_POSTPONE: Final = Statement(
    outgoing.update()
    .where(_IDS)
    .values(retry_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, sa.bindparam("seconds", type_=sa.Double)))
)
_DELETE_EXPIRED: Final = query.written("""
with gone as (delete from outgoing where expires_at <= now() returning 1) select count(*) from gone
""")
