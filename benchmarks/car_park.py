"""The car park of the benchmark in the gateway's own tables: every space vacant and live, its device known.

So a run begins in the middle of a car park's life, where only a change of a space is worth a word.
"""

from typing import Final

import psycopg

CODEC: Final = "bosch_tps110"
SITE: Final = "bench"
_ZONE_SPACES: Final = 100

_SEED: Final = (
    "insert into site (name) values (%(site)s)",
    """
    insert into zone (site_id, name)
    select site.id, 'zone-' || number from site, generate_series(0, %(spaces)s / %(zone_spaces)s) as number
    """,
    """
    insert into space (zone_id, name, occupancy, contact, seen_at, heard_at)
    select zone.id, 'space-' || number, 'vacant', 'live', now() - interval '1 day', now() - interval '1 day'
    from generate_series(1, %(spaces)s) as number
    join zone on zone.name = 'zone-' || number / %(zone_spaces)s
    order by number
    """,
    """
    insert into device (dev_eui, name, contact, codec, heard_at, announced_at)
    select dev_eui, name, 'live', %(codec)s, now() - interval '1 day', now()
    from unnest(%(dev_euis)s::text[], %(names)s::text[]) as new (dev_eui, name)
    """,
    """
    insert into installation (dev_eui, space_id, codec)
    select dev_eui, number, %(codec)s from unnest(%(dev_euis)s::text[]) with ordinality as new (dev_eui, number)
    """,
)


def dev_eui_of(space: int) -> str:
    """The device of this space."""
    return f"0004a30b{space:08x}"


def device_name_of(space: int) -> str:
    """What the device is called in ChirpStack."""
    return f"TPS110 level 1 bay {space}"


def seed(url: str, *, spaces: int) -> None:
    """Fill the migrated, empty database at `url`. Spaces get the ids 1 to `spaces`."""
    numbers = range(1, spaces + 1)
    facts = {
        "site": SITE,
        "spaces": spaces,
        "zone_spaces": _ZONE_SPACES,
        "codec": CODEC,
        "dev_euis": [dev_eui_of(number) for number in numbers],
        "names": [device_name_of(number) for number in numbers],
    }
    with psycopg.connect(url) as connection:
        for statement in _SEED:
            connection.execute(statement, facts)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
