"""Corrections of the past of spaces, written: wrong rows are withdrawn and right ones added, and how far a space is corrected."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from parking_gateway.core.correcting import Correction, Kept
from parking_gateway.core.space import SpaceId
from parking_gateway.store import hours
from parking_gateway.store.query import Query, command, written
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import TIME

_WITHDRAW_STEPS: Final = written(
    """
update transition set withdrawn_at = :now
from unnest(cast(:id as bigint[]), cast(:at as timestamptz[])) as batch (id, at)
where transition.id = batch.id and transition.at = batch.at
""",
    now=TIME,
)
_ADD_STEPS: Final = written(
    """
insert into transition (space, "from", "to", at, cause, corrects, withdrawn_at)
select space, before, after, at, cause, corrects, case when is_withdrawal then cast(:now as timestamptz) end
from unnest(
    cast(:number as integer[]), cast(:space as bigint[]), cast(:before as text[]), cast(:after as text[]),
    cast(:at as timestamptz[]), cast(:cause as text[]), cast(:corrects as bigint[]), cast(:is_withdrawal as boolean[])
) as batch (number, space, before, after, at, cause, corrects, is_withdrawal)
order by number
""",
    now=TIME,
)
_WITHDRAW_STAYS: Final = written(
    """
update past_stay set withdrawn_at = :now
from unnest(cast(:space as bigint[]), cast(:arrived_at as timestamptz[]), cast(:id as bigint[]))
    as batch (space, arrived_at, id)
where past_stay.space = batch.space and past_stay.arrived_at = batch.arrived_at and past_stay.id = batch.id
""",
    now=TIME,
)
_ADD_STAYS: Final = written(
    """
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
""",
    now=TIME,
)
# The unpublished steps of a space are looked for from this time on.
_SPACES: Final = written("""
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
_GO_ON: Final = written("""
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
    changed = [stay.arrived_at for one in corrections.values() for stay in _changed(one)]
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


def _changed(correction: Correction) -> Iterator[Kept]:
    """The stays that change, as they were and as they are. The hours since their arrivals are counted again."""
    yield from correction.wrong_stays
    yield from (row.stay for row in correction.stays)
    # The stay of a car that is there has no row, but the hours have its arrival too.
    was, present = correction.was_present, correction.present
    if (was and was.key) != (present and present.key):
        yield from (one for one in (was, present) if one is not None)


def _rows_of(corrections: Mapping[SpaceId, Correction]) -> dict[str, Any]:
    present = [one.present for one in corrections.values()]
    return arrays(
        space=list(corrections),
        arrived_at=[one and one.arrived_at for one in present],
        arrival=[one and one.arrival for one in present],
        arrived_for=[one and one.reservation for one in present],
        earliest=[min((row.step.at for row in one.steps), default=None) for one in corrections.values()],
    )
