"""Attributes of spaces: what the register says about them, and no sensor changes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from parking_gateway.core.audience import Audience
from parking_gateway.core.space import SpaceId
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import encode, table_of
from parking_gateway.store.tables import TIME, space

Attributes = Mapping[str, Any]
"""By the names of their columns."""
COLUMNS: Final = (space.c.audience, space.c.purpose, space.c.lat, space.c.lon, space.c.max_stay, space.c.tags)

_IDS: Final = table_of(space.c.id)
_PRESENT: Final = Statement(sa.select(space.c.id, *COLUMNS).join(_IDS, space.c.id == _IDS.c.id))
# An array of arrays would be unfolded to its last element, so the tags of a space are one text.
_BATCH: Final = table_of(space.c.id, *COLUMNS[:-1], sa.Column("words", sa.Text))
_LOCKED: Final = locked_by_key(space.c.id, space.c.id == _BATCH.c.id, columns=tuple(_BATCH.c)[1:])
_CHANGE: Final = Statement(
    space.update()
    .where(space.c.id == _LOCKED.c.key)
    .values(
        **{one.name: _LOCKED.c[one.name] for one in COLUMNS[:-1]},
        tags=sa.func.string_to_array(_LOCKED.c.words, sa.literal_column("';'")),
        version=space.c.version + 1,
        updated_at=sa.bindparam("now", type_=TIME),
    )
)


def present(spaces: Iterable[SpaceId]) -> Query[dict[SpaceId, Attributes]]:
    """The attributes of these spaces."""
    return Query(statement=_PRESENT, arguments=encode(_IDS, ({"id": one} for one in spaces)), read=_read)


def change(spaces: Mapping[SpaceId, Attributes], *, now: datetime) -> Query[None]:
    """Write all attributes of these spaces, and make the spaces due."""
    rows = ({"id": key, **values, "words": ";".join(values["tags"])} for key, values in spaces.items())
    return command(_CHANGE, encode(_BATCH, rows) | {"now": now})


def of_row(values: Iterable[Any]) -> Attributes:
    """The attributes in the columns of a row."""
    audience, *others = values
    names = (one.name for one in COLUMNS)
    return dict(zip(names, (None if audience is None else Audience(audience), *others), strict=True))


def _read(rows: Rows) -> dict[SpaceId, Attributes]:
    return {key: of_row(values) for key, *values in rows}
