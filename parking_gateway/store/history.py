"""The past of spaces: what late uplinks have made doubtful, everything that is known of it, and its corrections."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from parking_gateway.core.clocks import STEP
from parking_gateway.core.correcting import Correction, Kept, Logged
from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId
from parking_gateway.core.stay import Offer
from parking_gateway.store import hours
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import TIME, uplink
from parking_gateway.store.words import SERVICES, STATES

AT_ONCE: Final = 20
"""Spaces of one transaction. Their uplinks wait for it."""
FRAMES: Final = 200
"""Uplinks of a device in a window. With more of them, the space has several windows, each in a transaction of its own."""
BEFORE: Final = 128
"""Uplinks of a device before its window: frame counters order no frames that are further apart."""
_DAY: Final = "25 hours"
"""A sensor's own clock may date a change by a day before its frame."""
FRAME: Final = tuple(column.name for column in uplink.c if column.name not in ("time", "claimed_at", "claimed_by"))


class Doubt(NamedTuple):
    """A part of a space's history that may be wrong."""

    space: SpaceId
    since: datetime
    until: datetime


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


_TYPES: Final[dict[str, Any]] = {"limit": sa.Integer, "now": TIME}


def _text(sql: str) -> Statement:
    """Its parameters are arrays as text, except a few."""
    names = dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql))
    return Statement(sa.text(sql).bindparams(*(sa.bindparam(name, type_=_TYPES.get(name, sa.Text)) for name in names)))


_TRY: Final = _text("select pg_try_advisory_xact_lock(hashtext('parking-gateway history'))")
_DOUBTED: Final = _text("""
select installation.dev_eui
from (select space from late order by since limit :limit) as doubted
left join installation on installation.space_id = doubted.space
""")
_DOUBTS: Final = _text("select space, since, until from late where space in (select unnest(cast(:spaces as bigint[])))")
_UNWATCHED: Final = _text("""
delete from late
where not exists (select from installation where installation.space_id = late.space)
""")
# The frames of a window, and those before it that counters can put among them. Of a space with several sensors, those before have
# to show what each of its sensors had reported.
_FRAMES: Final = _text(f"""
select watched.space_id, {", ".join(f"frame.{name}" for name in FRAME)}, frame.heard_at as time
from (
    select distinct
        installation.space_id, installation.dev_eui, late.since, space.watched_since,
        case when space.sensors is null then interval '{STEP // timedelta(seconds=1)} s' else interval '31 days' end as reach
    from late
    join space on space.id = late.space
    join installation on installation.space_id = late.space
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
""")
_BATCH: Final = """
unnest(cast(:space as bigint[]), cast(:since as timestamptz[]), cast(:until as timestamptz[])) as part (space, since, until)
"""
# The last step before the window is looked for among those of a month, because ids do not follow the times of corrections.
_STEPS: Final = _text(f"""
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
_STAYS: Final = _text(f"""
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
_OFFERS: Final = _text(f"""
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
_BEHIND: Final = _text(f"""
select part.space, uplink.deduplication_id
from {_BATCH}
join installation on installation.space_id = part.space
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
    """Forget the doubts about spaces that no device watches: nothing can be read again."""
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


_WITHDRAW_STEPS: Final = _text("""
update transition set withdrawn_at = :now
from unnest(cast(:id as bigint[]), cast(:at as timestamptz[])) as batch (id, at)
where transition.id = batch.id and transition.at = batch.at
""")
_ADD_STEPS: Final = _text("""
insert into transition (space, "from", "to", at, cause, corrects, withdrawn_at)
select space, before, after, at, cause, corrects, case when is_withdrawal then cast(:now as timestamptz) end
from unnest(
    cast(:number as integer[]), cast(:space as bigint[]), cast(:before as text[]), cast(:after as text[]),
    cast(:at as timestamptz[]), cast(:cause as text[]), cast(:corrects as bigint[]), cast(:is_withdrawal as boolean[])
) as batch (number, space, before, after, at, cause, corrects, is_withdrawal)
order by number
""")
_WITHDRAW_STAYS: Final = _text("""
update past_stay set withdrawn_at = :now
from unnest(cast(:space as bigint[]), cast(:arrived_at as timestamptz[]), cast(:id as bigint[]))
    as batch (space, arrived_at, id)
where past_stay.space = batch.space and past_stay.arrived_at = batch.arrived_at and past_stay.id = batch.id
""")
_ADD_STAYS: Final = _text("""
with added as (
    insert into past_stay (
        space, arrived_at, departed_at, arrival, departure, reservation, overstay, corrects, withdrawn_at
    )
    select
        space, arrived_at, departed_at, arrival, departure, reservation, overstay, corrects,
        case when is_withdrawal then cast(:now as timestamptz) end
    from unnest(
        cast(:number as integer[]), cast(:space as bigint[]), cast(:arrived_at as timestamptz[]),
        cast(:departed_at as timestamptz[]), cast(:arrival as text[]), cast(:departure as text[]),
        cast(:reservation as text[]), cast(:overstay as boolean[]), cast(:corrects as bigint[]),
        cast(:is_withdrawal as boolean[])
    ) as batch (
        number, space, arrived_at, departed_at, arrival, departure, reservation, overstay, corrects, is_withdrawal
    )
    order by number
    returning *
)
insert into outgoing (site, zone, space, body, expires_at)
select
    site.name, zone.name, space.name,
    json_build_object(
        'type', 'session', 'space', added.space, 'id', added.id, 'arrived_at', added.arrived_at,
        'departed_at', added.departed_at, 'is_overstay', added.overstay, 'reservation', added.reservation,
        'corrects', added.corrects, 'is_withdrawn', added.withdrawn_at is not null
    ),
    cast(:now as timestamptz) + interval '7 days'
from added
join space on space.id = added.space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
where added.departed_at is not null
order by added.id
""")
# The unpublished steps of a space are looked for from this time on.
_SPACES: Final = _text("""
update space
set
    arrived_at = batch.arrived_at, arrival = batch.arrival, arrived_for = batch.arrived_for,
    published_transition_at = case
        when space.published_transition_at is not null then least(space.published_transition_at, batch.earliest)
    end
from unnest(
    cast(:space as bigint[]), cast(:arrived_at as timestamptz[]), cast(:arrival as text[]), cast(:arrived_for as text[]),
    cast(:earliest as timestamptz[])
) as batch (space, arrived_at, arrival, arrived_for, earliest)
where space.id = batch.space
""")
_GO_ON: Final = _text("""
with batch as (
    select * from unnest(cast(:space as bigint[]), cast(:since as timestamptz[])) as batch (space, since)
), done as (
    delete from late using batch where late.space = batch.space and batch.since is null
)
update late set since = batch.since from batch where late.space = batch.space and batch.since is not null
""")


def correct(corrections: Mapping[SpaceId, Correction], *, now: datetime) -> list[Query[Any]]:
    """Write the corrections of these spaces, whose rows are saved already."""
    steps = [row for one in corrections.values() for row in one.steps]
    stays = [(space, row) for space, one in corrections.items() for row in one.stays]
    wrong_steps = [step for one in corrections.values() for step in one.wrong_steps]
    wrong_stays = [(space, stay) for space, one in corrections.items() for stay in one.wrong_stays]
    queries = [command(_SPACES, _rows_of(corrections))]
    changed = [stay.arrived_at for _, stay in wrong_stays] + [row.stay.arrived_at for _, row in stays]
    if changed and (earliest := min(changed)) < now - hours.RECENT / 2:
        queries.append(hours.mark(earliest))
    if wrong_steps:
        columns = arrays(id=[one.id for one in wrong_steps], at=[one.at for one in wrong_steps])
        queries.append(command(_WITHDRAW_STEPS, columns | {"now": now}))
    if steps:
        columns = arrays(
            number=list(range(len(steps))),
            space=[row.step.space for row in steps],
            before=[row.step.before for row in steps],
            after=[row.step.after for row in steps],
            at=[row.step.at for row in steps],
            cause=[row.step.cause for row in steps],
            corrects=[row.corrects for row in steps],
            is_withdrawal=[row.is_withdrawal for row in steps],
        )
        queries.append(command(_ADD_STEPS, columns | {"now": now}))
    if wrong_stays:
        columns = arrays(
            space=[space for space, _ in wrong_stays],
            arrived_at=[one.arrived_at for _, one in wrong_stays],
            id=[one.id for _, one in wrong_stays],
        )
        queries.append(command(_WITHDRAW_STAYS, columns | {"now": now}))
    if stays:
        columns = arrays(
            number=list(range(len(stays))),
            space=[space for space, _ in stays],
            arrived_at=[row.stay.arrived_at for _, row in stays],
            departed_at=[row.stay.departed_at for _, row in stays],
            arrival=[row.stay.arrival for _, row in stays],
            departure=[row.stay.departure for _, row in stays],
            reservation=[row.stay.reservation for _, row in stays],
            overstay=[row.stay.is_overstay for _, row in stays],
            corrects=[row.corrects for _, row in stays],
            is_withdrawal=[row.is_withdrawal for _, row in stays],
        )
        queries.append(command(_ADD_STAYS, columns | {"now": now}))
    return queries


def go_on(places: Mapping[SpaceId, datetime | None], *, now: datetime) -> Query[None]:
    """Go on with each space from this time; None: its past is right."""
    return command(_GO_ON, arrays(space=list(places), since=list(places.values())) | {"now": now})


def _rows_of(corrections: Mapping[SpaceId, Correction]) -> dict[str, Any]:
    present = [one.present for one in corrections.values()]
    return arrays(
        space=list(corrections),
        arrived_at=[one and one.arrived_at for one in present],
        arrival=[one and one.arrival for one in present],
        arrived_for=[one and one.reservation for one in present],
        earliest=[min((row.step.at for row in one.steps), default=None) for one in corrections.values()],
    )
