"""The past of spaces: what late uplinks have made doubtful, and everything that is known of it. `corrections` writes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from parking_gateway.core.clocks import STEP
from parking_gateway.core.correcting import Kept, Logged
from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId
from parking_gateway.core.stay import Offer
from parking_gateway.store.query import Query, Rows, command, written
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import uplink
from parking_gateway.store.uplinks import UNREAD
from parking_gateway.store.words import SERVICES, STATES

AT_ONCE: Final = 20
"""Spaces of one transaction. Their uplinks wait for it."""
FRAMES: Final = 200
"""Uplinks of a device in a window. With more of them, the space has several windows, each in a transaction of its own."""
BEFORE: Final = 128
"""Uplinks of a device before its window: frame counters order no frames that are further apart."""
_DAY: Final = "25 hours"
"""A sensor's own clock may date a change by a day before its frame."""
FRAME: Final = tuple(column.name for column in uplink.c if column.name not in UNREAD)


class Doubt(NamedTuple):
    """A part of a space's history that may be wrong."""

    space: SpaceId
    since: datetime
    until: datetime
    now: datetime
    """By the database's clock."""


class Past(msgspec.Struct):
    """What is known of one part of a space's history."""

    steps: list[Logged] = []
    stays: list[Kept] = []
    offers: list[Offer] = []
    behind: list[str] = []
    """The ids of the uplinks that were heard within a day after it."""


class Part(NamedTuple):
    """A part of the history to read: `until` is None up to now."""

    space: SpaceId
    since: datetime
    until: datetime | None


_TRY: Final = written("select pg_try_advisory_xact_lock(hashtext('parking-gateway history'))")
_DOUBTED: Final = written(
    """
select installation.dev_eui
from (select space from late order by since limit :limit) as doubted
left join installation on installation.space_id = doubted.space and installation.observe_left is null
""",
    limit=sa.Integer,
)
_DOUBTS: Final = written(
    "select space, since, until, now() from late where space in (select unnest(cast(:spaces as bigint[])))"
)
_UNWATCHED: Final = written("""
delete from late
where not exists (select from installation where installation.space_id = late.space and installation.observe_left is null)
""")
# The frames of a window, and those before it that counters can put among them. Of a space with several sensors, those before have
# to show what each of its sensors had reported.
_FRAMES: Final = written(
    f"""
select watched.space_id, {", ".join(f"frame.{name}" for name in FRAME)}, frame.heard_at as time
from (
    select distinct
        installation.space_id, installation.dev_eui, late.since, space.watched_since,
        case when space.sensors is null then interval '{STEP // timedelta(seconds=1)} s' else interval '31 days' end as reach
    from late
    join space on space.id = late.space
    join installation on installation.space_id = late.space and installation.observe_left is null
    where late.space in (select unnest(cast(:spaces as bigint[])))
) as watched
cross join lateral (
    (
        select * from uplink
        where
            uplink.dev_eui = watched.dev_eui and uplink.heard_at >= greatest(watched.since, watched.watched_since)
            and uplink.heard_at <= now() + interval '{STEP // timedelta(seconds=1)} s'
        order by uplink.heard_at
        limit :limit
    )
    union all
    (
        select * from uplink
        where
            uplink.dev_eui = watched.dev_eui and uplink.heard_at < watched.since
            and uplink.heard_at >= greatest(watched.since - watched.reach, watched.watched_since)
        order by uplink.heard_at desc
        limit {BEFORE}
    )
) as frame
order by watched.space_id, frame.heard_at, frame.f_cnt
""",
    limit=sa.Integer,
)
_BATCH: Final = """
unnest(cast(:space as bigint[]), cast(:since as timestamptz[]), cast(:until as timestamptz[])) as part (space, since, until)
"""
# The last step before the window is looked for among those of a month, because ids do not follow the times of corrections.
_STEPS: Final = written(f"""
select step.space, step.id, step."from", step."to", step.at, step.cause
from {_BATCH}
cross join lateral (
    (
        select * from transition
        where
            transition.space = part.space and transition.withdrawn_at is null
            and transition.at > part.since - interval '{_DAY}' and transition.at <= coalesce(part.until, 'infinity')
    )
    union all
    (
        select * from transition
        where
            transition.space = part.space and transition.withdrawn_at is null
            and transition.at > part.since - interval '40 days' and transition.at <= part.since - interval '{_DAY}'
        order by transition.at desc, transition.id desc
        limit 1
    )
    union all
    (
        select * from transition
        where
            transition.space = part.space and transition.withdrawn_at is null
            and transition.at <= part.since - interval '40 days'
        order by transition.id desc
        limit 1
    )
) as step
order by step.at, step.id
""")
_STAYS: Final = written(f"""
select
    stay.space, stay.id, stay.arrived_at, stay.arrival, stay.departed_at, stay.departure, stay.reservation, stay.overstay,
    stay.corrects, false
from {_BATCH}
cross join lateral (
    (
        select * from past_stay
        where
            past_stay.space = part.space and past_stay.withdrawn_at is null
            and past_stay.arrived_at > part.since - interval '{_DAY}'
            and past_stay.arrived_at <= coalesce(part.until, 'infinity')
    )
    union all
    (
        select * from past_stay
        where
            past_stay.space = part.space and past_stay.withdrawn_at is null
            and past_stay.arrived_at <= part.since - interval '{_DAY}'
        order by past_stay.arrived_at desc
        limit 1
    )
) as stay
union all
select
    space.id, null, space.arrived_at, coalesce(space.arrival, ''), null, null, space.arrived_for, space.overstay is not null,
    null, true
from {_BATCH}
join space on space.id = part.space
where space.arrived_at is not null
order by 3, 2 nulls last
""")
_OFFERS: Final = written(f"""
select offered.space, offered.service, offered.reservation, offered.at, offered.cause
from {_BATCH}
cross join lateral (
    (
        select * from offer
        where offer.space = part.space and offer.at > part.since and offer.at <= coalesce(part.until, 'infinity')
    )
    union all
    (
        select * from offer
        where offer.space = part.space and offer.at <= part.since
        order by offer.at desc, offer.id desc
        limit 1
    )
) as offered
order by offered.at, offered.id
""")
_BEHIND: Final = written(f"""
select part.space, uplink.deduplication_id
from {_BATCH}
join installation on installation.space_id = part.space and installation.observe_left is null
join uplink on
    uplink.dev_eui = installation.dev_eui and uplink.heard_at > part.until
    and uplink.heard_at <= part.until + interval '{_DAY}'
where part.until is not null
""")


def try_lock() -> Query[bool]:
    """Be the only gateway that corrects until the transaction ends. False: another one does."""
    return Query(statement=_TRY, arguments={}, read=lambda rows: bool(rows[0][0]))


def doubted(limit: int) -> Query[tuple[int, list[DevEui]]]:
    """How many rows the first doubted spaces have, and the devices that watch them."""
    return Query(
        statement=_DOUBTED,
        arguments={"limit": limit},
        read=lambda rows: (len(rows), sorted({DevEui(one) for (one,) in rows if one is not None})),
    )


def doubts(spaces: Sequence[SpaceId]) -> Query[list[Doubt]]:
    """The doubted parts of these spaces, which are locked."""
    return Query(
        statement=_DOUBTS, arguments=arrays(spaces=list(spaces)), read=lambda rows: [Doubt(*row) for row in rows]
    )


def forget_unwatched() -> Query[None]:
    """Forget the doubts about spaces that no device watches, or that it only observes: nothing can be read again."""
    return command(_UNWATCHED)


def frames(spaces: Sequence[SpaceId], *, limit: int) -> Query[Rows]:
    """The uplinks of the windows of these spaces, at most `limit` of a device: the space, the columns of `FRAME`, the time."""
    return Query(statement=_FRAMES, arguments=arrays(spaces=list(spaces)) | {"limit": limit}, read=lambda rows: rows)


def past(parts: Sequence[Part]) -> tuple[Query[Rows], Query[Rows], Query[Rows], Query[Rows]]:
    """The steps, stays and offers of these parts, and what was heard behind them."""
    columns = arrays(
        space=[one.space for one in parts], since=[one.since for one in parts], until=[one.until for one in parts]
    )
    steps, stays, offers, behind = (
        Query(statement=statement, arguments=columns, read=lambda rows: rows)
        for statement in (_STEPS, _STAYS, _OFFERS, _BEHIND)
    )
    return steps, stays, offers, behind


def pasts(steps: Rows, stays: Rows, offers: Rows, behind: Rows) -> dict[SpaceId, Past]:
    """The answers of `past`, by space."""
    found: dict[SpaceId, Past] = {}

    def of(space: SpaceId) -> Past:
        return found.setdefault(space, Past())

    for space, number, before, after, at, cause in steps:
        of(space).steps.append(Logged(number, STATES[before], STATES[after], at, cause))
    for space, number, arrived_at, arrival, departed_at, departure, *rest in stays:
        of(space).stays.append(Kept(number, arrived_at, arrival, departed_at, departure, *rest))
    for space, service, reservation, at, cause in offers:
        one = Offer(space=space, service=SERVICES[service], reservation=reservation, at=at, cause=cause)
        of(space).offers.append(one)
    for space, cause in behind:
        of(space).behind.append(str(cause))
    return found
