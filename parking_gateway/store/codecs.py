"""Codecs by number, because each uplink keeps which code has read it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from parking_gateway.core.device import CodecIdentity
from parking_gateway.core.events import Uplink
from parking_gateway.store.query import Query, Rows, command, written
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

# An uplink is found by the index of its device. Its key has the time that the message claims, which nobody reads back.
_BATCH: Final = """
unnest(cast(:deduplication_id as uuid[]), cast(:dev_eui as text[]), cast(:heard_at as timestamptz[])
"""
_IS_IT: Final = """
uplink.dev_eui = batch.dev_eui and uplink.heard_at = batch.heard_at
    and uplink.deduplication_id = batch.deduplication_id
"""
_READ_BY: Final = written(f"""
select batch.deduplication_id, codec.name, codec.version
from {_BATCH}) as batch (deduplication_id, dev_eui, heard_at)
join uplink on {_IS_IT}
join codec on codec.id = uplink.codec_id
""")
_KEEP: Final = written(f"""
update uplink
set codec_id = codec.id
from {_BATCH}, cast(:name as text[]), cast(:version as text[])
) as batch (deduplication_id, dev_eui, heard_at, name, version)
join codec using (name, version)
where {_IS_IT} and uplink.codec_id is distinct from codec.id
""")


def numbers(codecs: Collection[CodecIdentity]) -> Query[Mapping[CodecIdentity, int]]:
    """The numbers of these codecs. One without a number gets one."""
    ordered = list(codecs)
    return Query(
        statement=_NUMBER,
        arguments=arrays(name=[one.name for one in ordered], version=[one.version for one in ordered]),
        read=_by_codec,
    )


_KNOWN: Final = "codec numbers"
"""A key of a connection's memory."""


def known(memory: Mapping[str, Any]) -> Mapping[CodecIdentity, int]:
    """The numbers that a connection remembers."""
    found: Mapping[CodecIdentity, int] = memory.get(_KNOWN, {})
    return found


def remember(memory: dict[str, Any], numbered: Mapping[CodecIdentity, int]) -> None:
    """Have a connection remember these numbers, because they are committed."""
    memory[_KNOWN] = numbered


def read_by(uplinks: Iterable[Uplink]) -> Query[dict[UUID, CodecIdentity]]:
    """The codecs that have read these uplinks, by the deduplication ids of those of which it is known."""
    return Query(
        statement=_READ_BY,
        arguments=_keys(list(uplinks)),
        read=lambda rows: {one: CodecIdentity(name, version) for one, name, version in rows},
    )


def keep(read: Iterable[tuple[Uplink, CodecIdentity]]) -> Query[None]:
    """Keep that these uplinks were read again by these codecs, which have `numbers`."""
    pairs = list(read)
    names = arrays(name=[codec.name for _, codec in pairs], version=[codec.version for _, codec in pairs])
    return command(_KEEP, _keys([uplink for uplink, _ in pairs]) | names)


def _keys(uplinks: Collection[Uplink]) -> dict[str, Any]:
    return arrays(
        deduplication_id=[one.deduplication_id for one in uplinks],
        dev_eui=[one.device.dev_eui for one in uplinks],
        heard_at=[one.heard_at for one in uplinks],
    )


def _by_codec(rows: Rows) -> Mapping[CodecIdentity, int]:
    return {CodecIdentity(name, version): number for name, version, number in rows}
