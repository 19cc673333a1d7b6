"""Rows whose version is not the one that the broker has confirmed. This is the whole outbox.

Due rows have no index: it would be written with every change. Whoever changes a space passes its id to the outbox; every
`poll_interval` the whole table is scanned for changes made by other processes.

`confirmations` writes what the broker has confirmed.
"""

from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from msgspec.structs import replace

from parking_gateway.core.due import Due, DueKind, DueSpace, DueStep
from parking_gateway.core.space import SpaceId
from parking_gateway.store.due_rows import (
    GIVEN_SPACES,
    KEYS,
    SOURCES,
    STEPS_AT_ONCE,
    behind,
    is_due,
    space_of,
    step,
)
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import device, outgoing, site, space, zone

Steps = Sequence[tuple[SpaceId, DueStep]]
"""Steps of several logs, each with its space, the oldest first."""


def keys(kind: DueKind, *, limit: int, after: int | str | None = None) -> Query[list[int | str]]:
    """The keys of the first `limit` due rows of a kind, behind the key `after`, in their order. Reads the whole table."""
    return Query(
        statement=KEYS[kind],
        arguments={**behind(kind, after), "limit": limit},
        read=lambda rows: [key for (key,) in rows],
    )


def rows(kind: DueKind, keys: Collection[int | str]) -> Query[list[Due]]:
    """The due ones of these rows of a kind, by their keys. Spaces come without their steps."""
    source = SOURCES[kind]
    return Query(
        statement=source.statement, arguments=arrays(id=list(keys)), read=lambda rows: list(map(source.read, rows))
    )


def given(spaces: Collection[SpaceId]) -> Query[list[DueSpace]]:
    """These spaces, due or not, by id, without their steps."""
    return Query(statement=GIVEN_SPACES, arguments=arrays(id=list(spaces)), read=lambda rows: list(map(space_of, rows)))


def steps(spaces: Collection[SpaceId]) -> Query[Steps]:
    """The steps of these spaces that the broker has not confirmed.

    To be executed after the query of the spaces. Without this order, a state could be read without its steps.
    """
    return Query(statement=HOT["read_steps"], arguments=arrays(id=list(spaces)) | {"limit": STEPS_AT_ONCE}, read=_steps)


def changed_with_steps(spaces: Collection[SpaceId]) -> tuple[Query[list[Due]], Query[Steps]]:
    """Both, in their order, for `with_steps`."""
    return rows(DueKind.SPACE, spaces), steps(spaces)


def with_steps(spaces: list[Due], gained: Steps) -> list[Due]:
    """The spaces with their steps."""
    if not gained:
        return spaces
    steps_of: dict[int | str, list[DueStep]] = {}
    for key, one in gained:
        steps_of.setdefault(key, []).append(one)
    has_all = len(gained) < STEPS_AT_ONCE
    return [
        replace(one, steps=tuple(steps_of.get(one.key, ())), has_all_steps=has_all)
        if isinstance(one, DueSpace)
        else one
        for one in spaces
    ]


def count() -> Query[int]:
    """How many rows are due, of all kinds, with the messages that are published once."""
    return Query(statement=_COUNT, arguments={}, read=_number)


def _steps(rows: Rows) -> Steps:
    return [(SpaceId(row[0]), step(row)) for row in rows]


def _number(rows: Rows) -> int:
    ((number,),) = rows
    return int(number)


_COUNT: Final = Statement(
    sa.select(
        sum(
            (
                sa.select(sa.func.count()).select_from(table).where(is_due(table)).scalar_subquery()
                for table in (zone, site, device)
            ),
            start=sa.select(sa.func.count()).select_from(space).where(is_due(space)).scalar_subquery()
            + sa.select(sa.func.count()).select_from(outgoing).scalar_subquery(),
        )
    )
)
