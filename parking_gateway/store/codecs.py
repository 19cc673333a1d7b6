"""Codecs by number, because each uplink keeps which code has read it."""

from collections.abc import Collection, Mapping
from typing import Final

from parking_gateway.core.device import CodecIdentity
from parking_gateway.store.query import Query, Rows, written
from parking_gateway.store.rows import arrays

# An insert that conflicts takes a number all the same, and there are 32,767. So only absent ones are inserted.
_NUMBER: Final = written("""
with wanted as (
    select distinct name, version from unnest(cast(:name as text[]), cast(:version as text[])) as batch (name, version)
), new as (
    insert into codec (name, version)
    select name, version
    from wanted
    where not exists (select from codec where codec.name = wanted.name and codec.version = wanted.version)
    order by name, version
    on conflict (name, version) do update set name = excluded.name
    returning name, version, id
)
select name, version, id from new
union all
select name, version, codec.id from codec join wanted using (name, version)
""")


def numbers(codecs: Collection[CodecIdentity]) -> Query[Mapping[CodecIdentity, int]]:
    """The numbers of these codecs. One without a number gets one."""
    ordered = list(codecs)
    return Query(
        statement=_NUMBER,
        arguments=arrays(name=[one.name for one in ordered], version=[one.version for one in ordered]),
        read=_by_codec,
    )


def _by_codec(rows: Rows) -> Mapping[CodecIdentity, int]:
    return {CodecIdentity(name, version): number for name, version, number in rows}
