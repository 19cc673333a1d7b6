"""The car park of the benchmark in the gateway's own tables: every space is vacant and live, and every device is known.

So only a change of a space is published, as in a car park that has been in operation for some time.
"""

from typing import Final

import psycopg
from psycopg.types.json import Jsonb

CODEC: Final = "bosch_tps110"
SITE: Final = "bench"
PROFILE: Final = "Bosch TPS110"
APPLICATION: Final = "Parking"
TAGS: Final = {"city": "Example", "vendor": "bosch"}
_DEVICE: Final = "TPS110 level 1 bay "
_ZONE_SPACES: Final = 100

DEV_EUI: Final = "'0004a30b' || lpad(to_hex(number), 8, '0')"
"""`dev_eui_of` in SQL, so that a million of them need not be sent."""

_SEED: Final = (
    "insert into site (name, published_version) values (%(site)s, %(published)s)",
    """
    insert into zone (site_id, name, published_version)
    select site.id, 'zone-' || number, %(published)s
    from site, generate_series(0, %(spaces)s / %(zone_spaces)s) as number
    """,
    """
    insert into space (zone_id, name, occupancy, contact, seen_at, seen_dev_addr, heard_at, published_version)
    select
        zone.id, 'space-' || number, 'vacant', 'live', now() - interval '1 day', '01a2d830', now() - interval '1 day',
        %(published)s
    from generate_series(1, %(spaces)s) as number
    join zone on zone.name = 'zone-' || number / %(zone_spaces)s
    order by number
    """,
    f"""
    insert into device (dev_eui, name, profile, application, tags, contact, codec, heard_at, published_version)
    select {DEV_EUI}, %(device)s || number, %(profile)s, %(application)s, %(tags)s, 'live', %(codec)s, now(), %(published)s
    from generate_series(1, %(spaces)s) as number
    """,
    f"""
    insert into installation (dev_eui, space_id, codec, snapshot)
    select
        {DEV_EUI}, number, %(codec)s,
        json_build_array(
            now(), %(device)s || number, %(profile)s::text, %(application)s::text, %(tags)s::jsonb, %(codec)s::text,
            null, null, null, '01a2d830', 0
        )
    from generate_series(1, %(spaces)s) as number
    """,
)


def dev_eui_of(space: int) -> str:
    """The device of this space."""
    return f"0004a30b{space:08x}"


def device_name_of(space: int) -> str:
    """The name of the device in ChirpStack."""
    return f"{_DEVICE}{space}"


def seed(url: str, *, spaces: int, is_published: bool = False) -> None:
    """Fill the migrated, empty database at `url`. Spaces get the ids 1 to `spaces`.

    Everything is due for publication, as after an import, or nothing is, as long after it.
    """
    facts = {
        "site": SITE,
        "spaces": spaces,
        "zone_spaces": _ZONE_SPACES,
        "device": _DEVICE,
        "profile": PROFILE,
        "application": APPLICATION,
        "tags": Jsonb(TAGS),
        "codec": CODEC,
        "published": int(is_published),
    }
    with psycopg.connect(url) as connection:
        for statement in _SEED:
            connection.execute(statement, facts)
    with psycopg.connect(url, autocommit=True) as connection:
        # Without this, PostgreSQL would plan for empty tables.
        connection.execute("vacuum analyze site, zone, space, device, installation")
