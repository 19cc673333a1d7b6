"""Announcements of spaces or zones: which differ from what was published, and which have no space or zone any more."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import sqlalchemy as sa

from parking_gateway.core.announcement import AnnouncedSpace, Announcement
from parking_gateway.store.query import Query, Rows, Statement, command, counts, written
from parking_gateway.store.rows import array_of, arrays, listed
from parking_gateway.store.tables import announcement

Form = Literal["spaces", "zones"]

# The device of a space is the one of its lowest channel. `as_rendered` is what else the payload depends on. A zone without
# spaces has a row too, because it may be counted at its entries and exits.
_WATCHED: Final = """
watched as (
    select site.name as site, zone.name as zone, space.name as space, (
        select installation.dev_eui
        from installation
        where installation.space_id = space.id
        order by installation.channel, installation.dev_eui
        limit 1
    ) as dev_eui
    from zone
    join site on site.id = zone.site_id
    left join space on space.zone_id = zone.id
)
"""
_SPACES: Final = """
wanted as (
    select
        site, zone, space, json_build_array(json_build_array(space, dev_eui)) as spaces,
        md5(concat_ws('/', site, zone, space, dev_eui, cast(:as_rendered as text))) as digest
    from watched
    where space is not null
)
"""
_ZONES: Final = """
wanted as (
    select
        site, zone, cast(null as text) as space,
        coalesce(json_agg(json_build_array(space, dev_eui) order by space) filter (where space is not null), '[]') as spaces,
        md5(concat_ws('/', site, zone, string_agg(concat_ws('=', space, dev_eui), ',' order by space), cast(:as_rendered as text)))
            as digest
    from watched
    group by site, zone
)
"""
_IS_OF_WANTED: Final = """
announcement.place = :place and announcement.site = wanted.site and announcement.zone = wanted.zone
and announcement.space is not distinct from wanted.space
"""


def _due(wanted: str) -> Statement:
    sql = f"""
with {_WATCHED}, {wanted}
select wanted.site, wanted.zone, wanted.space, cast(wanted.spaces as text) as named, wanted.digest
from wanted
left join announcement on {_IS_OF_WANTED}
where announcement.digest is distinct from wanted.digest
order by wanted.site, wanted.zone, wanted.space
limit :limit
"""
    return written(sql, limit=sa.Integer)


def _gone(wanted: str) -> Statement:
    sql = f"""
with {_WATCHED}, {wanted}
select announcement.topic
from announcement
where not exists (select from wanted where {_IS_OF_WANTED})
order by announcement.topic
limit :limit
"""
    return written(sql, limit=sa.Integer)


_DUE: Final = {"spaces": _due(_SPACES), "zones": _due(_ZONES)}
_GONE: Final = {"spaces": _gone(_SPACES), "zones": _gone(_ZONES)}
_ALL: Final = written("select topic from announcement order by topic limit :limit", limit=sa.Integer)
_CONFIRM: Final = written("""
insert into announcement (topic, site, zone, space, place, digest)
select topic, site, zone, space, :place, digest
from unnest(
    cast(:topic as text[]), cast(:site as text[]), cast(:zone as text[]), cast(:space as text[]), cast(:digest as text[])
) as batch (topic, site, zone, space, digest)
order by topic
on conflict (topic) do update set digest = excluded.digest
""")
_FOUND: Final = written("""
with added as (
    insert into announcement (topic, site, zone, space, place, digest)
    select topic, site, zone, space, :place, ''
    from unnest(cast(:topic as text[]), cast(:site as text[]), cast(:zone as text[]), cast(:space as text[]))
        as batch (topic, site, zone, space)
    order by topic
    on conflict (topic) do nothing
    returning 1
)
select count(*) from added
""")
_CONFIRMED: Final = written("select count(*) from announcement where digest <> '' and place = :place")
_CONFIRMED_OF: Final = written("""
select count(*) from announcement where digest <> '' and place = :place and topic = any (cast(:topics as text[]))
""")
_DELETE: Final = Statement(announcement.delete().where(announcement.c.topic.in_(listed("topics", sa.Text))))
_FORGET: Final = Statement(announcement.update().values(digest="").where(announcement.c.digest != ""))


def due(form: Form, *, place: str, as_rendered: str, limit: int) -> Query[list[Announcement]]:
    """The first announcements that differ from what was published at this place, or were never published there.

    `as_rendered` is everything beside the register that they are rendered from.
    """
    arguments = {"place": place, "as_rendered": as_rendered, "limit": limit}
    return Query(statement=_DUE[form], arguments=arguments, read=_announcements)


def gone(form: Form, *, place: str, limit: int) -> Query[list[str]]:
    """The first topics that have no space or zone any more, or belong to another form or place."""
    arguments = {"place": place, "as_rendered": "", "limit": limit}
    return Query(statement=_GONE[form], arguments=arguments, read=_topics)


def all_topics(*, limit: int) -> Query[list[str]]:
    """The first topics of all announcements."""
    return Query(statement=_ALL, arguments={"limit": limit}, read=_topics)


def confirm(published: Sequence[tuple[str, Announcement]], *, place: str) -> Query[None]:
    """Write that the broker has these announcements on these topics."""
    columns = arrays(
        topic=[topic for topic, _ in published],
        site=[one.site for _, one in published],
        zone=[one.zone for _, one in published],
        space=[one.space for _, one in published],
        digest=[one.digest for _, one in published],
    )
    return command(_CONFIRM, columns | {"place": place})


def found(retained: Mapping[str, Sequence[str]], *, place: str) -> Query[int]:
    """Write that the broker retains something on these topics: of a site, a zone and, if it is one, a space.

    Topics that have a row keep it. The new ones are then published again, or `gone`. The answer is how many they are.
    """
    columns = arrays(
        topic=list(retained),
        site=[names[0] for names in retained.values()],
        zone=[names[1] for names in retained.values()],
        space=[names[2] if len(names) > 2 else None for names in retained.values()],  # noqa: PLR2004 - it is a zone
    )
    return counts(_FOUND, columns | {"place": place})


def confirmed(*, place: str) -> Query[int]:
    """How many announcements of this place the broker has, by its answers."""
    return counts(_CONFIRMED, {"place": place})


def confirmed_of(topics: Sequence[str], *, place: str) -> Query[int]:
    """The same of these topics."""
    return counts(_CONFIRMED_OF, {"topics": array_of(topics), "place": place})


def delete(topics: Sequence[str]) -> Query[None]:
    """Write that the broker has nothing on these topics any more."""
    return command(_DELETE, {"topics": array_of(topics)})


def forget() -> Query[None]:
    """Have all announcements published again."""
    return command(_FORGET)


def _announcements(rows: Rows) -> list[Announcement]:
    return [
        Announcement(
            site=site,
            zone=zone,
            space=space,
            spaces=tuple(AnnouncedSpace(name, dev_eui) for name, dev_eui in json.loads(spaces)),
            digest=digest,
        )
        for site, zone, space, spaces, digest in rows
    ]


def _topics(rows: Rows) -> list[str]:
    return [topic for (topic,) in rows]
