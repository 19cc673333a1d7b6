"""Migration 0011: the log of a removed space has no place in the schema before, and all else goes down and up again."""

import sqlalchemy as sa

from parking_gateway.store import migrating, schema
from tests.plugins.postgres import engine_of

ROWS = (
    "insert into site (name, time_zone) values ('s', 'Europe/Berlin')",
    "insert into zone (site_id, name, max_stay) select id, 'z', 60 from site",
    "insert into space (zone_id, name, audience, tags) select id, '1', 'ev', '{roof}' from zone",
    (
        'insert into transition (space, "from", "to", at, cause)'
        " select space.id + gone, 'FREE', 'OCCUPIED', now(), '' from space, generate_series(0, 1) as gone"
    ),
    "insert into former_name select id + 1, 'infinity', '-infinity', 's', 'z', '2' from space",
)


async def test_the_log_of_a_removed_space_goes_with_the_schema(empty_database: str) -> None:
    engine = engine_of(empty_database)
    await migrating.upgrade(engine)
    async with engine.begin() as connection:
        for statement in ROWS:
            await connection.execute(sa.text(statement))
        names = "select name from transition join space_name using (space) order by 1"
        assert (await connection.execute(sa.text(names))).all() == [("1",), ("2",)]
    assert await migrating.downgrade(engine, "0010") == (schema.newest(), "0010")
    async with engine.begin() as connection:
        left = "select space.name from transition join space on space.id = transition.space"
        assert (await connection.execute(sa.text(left))).all() == [("1",)]
        assert await connection.scalar(sa.text("select count(*) from transition")) == 1
    assert await migrating.upgrade(engine) == ("0010", schema.newest())
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("select time_zone, tags from site, space"))).all() == [("UTC", [])]
        assert (await connection.execute(sa.text(names))).all() == [("1",)]
    await engine.dispose()
