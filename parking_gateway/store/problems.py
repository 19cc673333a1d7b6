"""Problems of devices, as their rows have them. `device_facts` reads what the rules need."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact, SpaceId
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import device
from parking_gateway.store.words import CONTACTS, PROBLEMS

_ORDER: Final = f"array[{', '.join(repr(one.value) for one in Problem)}]"


class Change(NamedTuple):
    """Problems of a device that have begun, and those that have ended."""

    dev_eui: DevEui
    begun: Collection[Problem] = ()
    ended: Collection[Problem] = ()


class Begun(NamedTuple):
    """A problem that a device did not have before, and the space that the device watches."""

    dev_eui: DevEui
    problem: Problem
    space: SpaceId | None


def in_order(problems: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """An array of problems without repetitions, the most severe first."""
    one = sa.func.unnest(problems).column_valued("problem")
    rows = sa.select(one).group_by(one).order_by(sa.func.array_position(sa.literal_column(_ORDER), one))
    return sa.func.array(rows.scalar_subquery())


def with_problem(problem: Problem) -> sa.ColumnElement[Any]:
    """The problems of a device, and this one."""
    return in_order(sa.func.array_append(device.c.problems, problem.value))


def has_problem(problem: Problem) -> sa.ColumnElement[bool]:
    """Whether a device has it."""
    return sa.literal(problem.value) == sa.any_(device.c.problems)


# A fault that is over is removed with its report, and then the snapshot too, so that the next report is published.
_CHANGE: Final = Statement(
    sa.text(
        f"""
with batch as (
    select dev_eui, string_to_array(begun, ',') as begun, string_to_array(ended, ',') as ended
    from unnest(cast(:dev_eui as text[]), cast(:begun as text[]), cast(:ended as text[])) as batch (dev_eui, begun, ended)
),
locked as (
    select device.dev_eui, device.problems, batch.begun, batch.ended
    from device
    join batch on batch.dev_eui = device.dev_eui
    order by device.dev_eui
    for no key update of device
),
changed as (
    select
        dev_eui, problems as before, ended,
        array(
            select problem
            from unnest(problems || begun) as problem
            where problem <> all (ended)
            group by problem
            order by array_position({_ORDER}, problem)
        ) as after
    from locked
),
forgotten as (
    update installation
    set snapshot = null
    from changed
    where installation.dev_eui = changed.dev_eui and (array['fault', 'tamper', 'battery_low'] && changed.ended)
),
written as (
    update device
    set
        problems = changed.after, version = device.version + 1,
        fault = case when array['fault', 'battery_low'] && changed.ended and not changed.after && array['fault', 'battery_low']
            then null else device.fault end,
        tamper = case when 'tamper' = any (changed.ended) then null else device.tamper end
    from changed
    where device.dev_eui = changed.dev_eui and changed.before <> changed.after
    returning device.dev_eui
)
select
    changed.dev_eui, problem,
    (select space_id from installation where installation.dev_eui = changed.dev_eui order by channel limit 1)
from changed
join written on written.dev_eui = changed.dev_eui
cross join lateral unnest(changed.after) as problem
where problem <> all (changed.before)
order by changed.dev_eui, array_position({_ORDER}, problem)
"""
    ).bindparams(*(sa.bindparam(name, type_=sa.Text) for name in ("dev_eui", "begun", "ended")))
)
_COUNTS: Final = Statement(
    sa.text(
        "select one, count(*) from device cross join lateral unnest(problems) as one where problems <> '{}' group by one"
    )
)
_CONTACTS: Final = Statement(sa.select(device.c.contact, sa.func.count()).group_by(device.c.contact))


def change(changes: Sequence[Change]) -> Query[list[Begun]]:
    """Write the changes. The answer is what has begun and was not written before, perhaps by another gateway."""
    arguments = arrays(
        dev_eui=[one.dev_eui for one in changes],
        begun=[",".join(one.begun) for one in changes],
        ended=[",".join(one.ended) for one in changes],
    )
    return Query(statement=_CHANGE, arguments=arguments, read=_begun)


def counts() -> Query[dict[Problem, int]]:
    """How many devices have each problem. Reads all devices."""
    return Query(statement=_COUNTS, arguments={}, read=_counted)


def contacts() -> Query[dict[Contact, int]]:
    """How many devices have each contact. Reads all devices."""
    return Query(statement=_CONTACTS, arguments={}, read=_by_contact)


def _begun(rows: Rows) -> list[Begun]:
    return [Begun(dev_eui, PROBLEMS[problem], space) for dev_eui, problem, space in rows]


def _counted(rows: Rows) -> dict[Problem, int]:
    found = {PROBLEMS[problem]: number for problem, number in rows}
    return {problem: found.get(problem, 0) for problem in Problem}


def _by_contact(rows: Rows) -> dict[Contact, int]:
    return dict.fromkeys(Contact, 0) | {CONTACTS[contact]: number for contact, number in rows}
