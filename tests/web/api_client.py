"""The API over a real database, asked by a real client without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock, utc
from parking_gateway.store.pool import Pool
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.report import Report
from parking_gateway.web.api import exchange
from parking_gateway.web.desk import WebDesk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAR_PARK = (
    "insert into site (name, time_zone) values ('north', 'Europe/Berlin'), ('central', 'UTC'), ('no position', 'UTC')",
    "update site set lat = 50.5, lon = 12.5 where name = 'central'",
    "insert into zone (site_id, name) select site.id, one.name from site, (values ('level-0'), ('a & c')) one (name)",
    """
insert into space (zone_id, name, lat, lon, state, occupancy, contact, since, updated_at, audience, max_stay, tags)
select
    zone.id, 'a-00' || n, case when site.name <> 'no position' then 51 + n::real / 8 end, case when site.name <> 'no position' then 13 end,
    case when n = 2 then 'OCCUPIED' else 'FREE' end, case when n = 2 then 'occupied' else 'vacant' end, 'live',
    timestamptz '2026-11-23 11:00Z', timestamptz '2026-11-23 11:30Z', case n when 1 then 'disabled' when 3 then 'ev' end,
    case when n = 1 then 3600 end, '{new}'
from zone join site on site.id = zone.site_id, generate_series(1, 4) n
""",
    "insert into device (dev_eui, name, contact) select 'a8404100' || lpad(to_hex(id), 8, '0'), 'bay ' || id, 'live' from space",
    "update device set problems = '{silent}', contact = 'lost' where dev_eui = 'a840410000000001'",
    """
insert into installation (dev_eui, space_id, codec)
select 'a8404100' || lpad(to_hex(id), 8, '0'), id, 'bosch_tps110_v029' from space
""",
    """
insert into past_stay (space, arrived_at, departed_at, arrival, departure)
select id, timestamptz '2026-11-23 09:00Z', timestamptz '2026-11-23 10:00Z' + id * interval '1 minute', 'a', 'd' from space
""",
)
"""Three sites with two zones of four spaces each, and a stay of each. The site `central` has a position of its own."""

Client = httpx.AsyncClient


async def build(engine: AsyncEngine, *more: str) -> None:
    """Build the car park."""
    async with engine.begin() as connection:
        for statement in (*CAR_PARK, *more):
            await connection.execute(sa.text(statement))


def app_over(pool: Pool, *, clock: WallClock = lambda: NOON, **settings: Any) -> Starlette:
    """The API with these keys of [web]."""
    metrics = Metrics(Health(stalled_after=timedelta(days=1)))
    config = Config.model_validate({"web": settings})
    desk = WebDesk(
        config=config,
        database=pool,
        decoder=Decoder(),
        report=Report(health=metrics.health, metrics=metrics, root="parking/v1", clock=utc),
        clock=clock,
    )
    return Starlette(routes=exchange.routes(desk))


@asynccontextmanager
async def asking(pool: Pool, *, clock: WallClock = lambda: NOON, **settings: Any) -> AsyncIterator[Client]:
    """A client of the application with these keys of [web]."""
    transport = httpx.ASGITransport(app_over(pool, clock=clock, **settings), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://gateway") as client:
        yield client
