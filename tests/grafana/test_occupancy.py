"""The dashboard of the occupancy: its queries run on the views, as the reading role, and answer at once in a large car park."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL

from parking_gateway.core.wording import counted
from parking_gateway.store import dashboards
from tests.grafana.dashboards import DASHBOARDS, in_sql, queries

ROLE: Final = "grafana-test"
MOST_SECONDS: Final = 2.0
"""For one query, on a busy machine. Alone, the slowest takes a quarter of that."""
FILL: Final = (
    "insert into site (name, time_zone) values ('central', 'Europe/Vienna'), ('o''hara', 'UTC')",
    "insert into zone (site_id, name) select site.id, 'level-' || n from site, generate_series(1, 10) n",
    (
        "insert into space (zone_id, name, state, occupancy, contact, battery_percent, arrived_at, arrival)"
        " select zone.id, 'A-' || n, case when n % 2 = 0 then 'OCCUPIED' else 'FREE' end,"
        " case when n % 2 = 0 then 'occupied' else 'vacant' end, case when n % 9 = 0 then 'lost' else 'live' end, n % 100,"
        " case when n % 2 = 0 then now() - n * interval '1 minute' end, case when n % 2 = 0 then 'x' end"
        " from zone, generate_series(1, 500) n"
    ),
    "insert into device (dev_eui, problems) select lpad(to_hex(id), 16, '0'), '{battery_low}' from space where id % 50 = 0",
    (
        "insert into installation (dev_eui, space_id, codec)"
        " select lpad(to_hex(id), 16, '0'), id, 'bosch_tps110_v029' from space where id % 50 = 0"
    ),
    (
        "insert into past_stay (space, arrived_at, departed_at, arrival, departure)"
        " select id, now() - n * interval '14 hours', now() - n * interval '14 hours' + id % 400 * interval '1 minute', 'x', 'y'"
        " from space, generate_series(1, 10) n"
    ),
    (
        'insert into transition (space, "from", "to", at, cause)'
        " select id, 'FREE', 'OCCUPIED', now() - n * interval '14 hours', 'x' from space, generate_series(1, 10) n"
    ),
    (
        "insert into occupancy_hour (site, zone, hour, seconds, spaces, occupied_seconds, arrivals, departures, stay_seconds)"
        " select site.name, zone.name, date_trunc('hour', now()) - n * interval '1 hour', 3600, 500, 900000, 40, 30, 90000"
        " from zone join site on site.id = zone.site_id, generate_series(0, 24 * 30) n"
    ),
    "insert into notice (id, at, kind, details) values (1, now(), 'silent', '{}')",
    "analyze",
)


@pytest.fixture
def reader(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the reading role to a car park of 10,000 spaces with a month of history."""
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(SQL(statement))
        for query in (dashboards.create(ROLE), *dashboards.grant(ROLE)):
            connection.execute(SQL(query.statement.text))
        connection.execute(SQL('set role "grafana-test"'))
        yield connection
        connection.execute("reset role")
        connection.execute(SQL('drop owned by "grafana-test"; drop role "grafana-test"'))


def test_every_query_answers_at_once_as_the_reading_role(reader: psycopg.Connection[Any]) -> None:
    """Of the last week, for all sites and zones, as the dashboard asks when it is opened."""
    until = datetime.now(UTC)
    chosen = {"site": ["central", "o''hara"], "zone": [f"level-{number}" for number in range(1, 11)]}
    wrong: dict[str, str] = {}
    for asked in queries("occupancy"):
        began = time.monotonic()
        answer = reader.execute(SQL(in_sql(asked.text, since=until - timedelta(days=7), until=until, **chosen)))
        rows = answer.fetchall()
        took = time.monotonic() - began
        if took > MOST_SECONDS:
            wrong[asked.panel] = f"took {took:.1f} s"
        elif not rows or len(rows) > 20_000:
            wrong[asked.panel] = counted(len(rows), "row")
        elif asked.is_series and not isinstance(rows[0][0], datetime):
            wrong[asked.panel] = "has no time in its first column"
    assert wrong == {}


def test_the_variables_offer_the_sites_and_their_zones(database: str) -> None:
    site, zone = (
        variable["query"] for variable in DASHBOARDS["occupancy"]["templating"]["list"] if variable["type"] == "query"
    )
    with psycopg.connect(database) as connection:
        for statement in FILL[:2]:
            connection.execute(SQL(statement))
        assert connection.execute(site).fetchall() == [("central",), ("o'hara",)]
        assert len(connection.execute(zone.replace("$site", "'central'")).fetchall()) == 10


def test_all_sites_and_zones_may_be_none(database: str) -> None:
    """Of an empty register Grafana knows no value, so "All" is a query."""
    variables = DASHBOARDS["occupancy"]["templating"]["list"]
    chosen = {variable["name"]: variable["allValue"] for variable in variables if variable.get("includeAll")}
    now = datetime.now(UTC)
    with psycopg.connect(database) as connection:
        for asked in queries("occupancy"):
            text = asked.text
            for name, query in chosen.items():
                text = text.replace(f"${name}", query)
            connection.execute(SQL(in_sql(text, since=now - timedelta(days=7), until=now)))
