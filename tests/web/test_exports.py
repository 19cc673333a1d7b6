"""Exports over HTTP, from the rows of a real database."""

import csv
import io
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.pool import Pool
from parking_gateway.web.api import endpoint
from parking_gateway.web.exports import datex2
from tests.web.api_client import asking, build


@pytest.fixture
async def client(engine: AsyncEngine, pool: Pool) -> Any:
    await build(engine, "update space set arrived_at = '2026-11-23 11:00Z' where name = 'a-002'")
    async with asking(pool, country="DE", publisher="City of Example") as client:
        yield client


async def test_entities_come_in_pages_that_a_link_joins(client: httpx.AsyncClient) -> None:
    for kind, number in (("ParkingSpot", 16), ("ParkingGroup", 6), ("OffStreetParking", 2)):
        found: list[dict[str, Any]] = []
        following: str | None = f"/api/v1/exports/ngsi-ld?type={kind}&format=simplified&limit=3"
        while following is not None:
            answer = await client.get(following)
            assert answer.headers["content-type"] == "application/ld+json"
            found += answer.json()
            following = answer.links.get("next", {}).get("url")
        assert len({one["id"] for one in found}) == len(found) == number
        assert {one["type"] for one in found} == {kind}
    normalized = (await client.get("/api/v1/exports/ngsi-ld?type=ParkingSpot&site=north&limit=1")).json()
    assert normalized[0]["status"]["type"] == "Property"
    missing = await client.get("/api/v1/exports/ngsi-ld")
    assert missing.json()["detail"] == "The parameter type is missing. See /api/v1/openapi.json."


async def test_a_publication_of_datex_2_is_read_in_parts(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datex2, "LARGEST_PAGE", 3)
    small = (await client.get("/api/v1/exports/datex2")).json()["parkingPublicationLight"]
    assert [one["_id"] for one in small["parkingSite"]] == ["central", "north"]
    assert small["parkingSpace"] == []
    assert small["publicationCreator"] == {"country": "DE", "nationalIdentifier": "City of Example"}
    large = (await client.get("/api/v1/exports/datex2?spaces=true")).json()["parkingPublicationLight"]
    assert len({one["_id"] for one in large["parkingSpace"]}) == len(large["parkingSpace"]) == 16
    of_one = (await client.get("/api/v1/exports/datex2?spaces=true&site=north")).json()["parkingPublicationLight"]
    assert (len(of_one["parkingSite"]), len(of_one["parkingSpace"])) == (1, 8)
    assert endpoint.LARGEST_PAGE == 1000
    assert (await client.head("/api/v1/exports/datex2?spaces=true")).content == b""


async def test_datex_2_needs_the_country_of_its_publisher(engine: AsyncEngine, pool: Pool) -> None:
    await build(engine)
    async with asking(pool) as client:
        answer = await client.get("/api/v1/exports/datex2")
    assert answer.status_code == 501
    assert answer.json()["detail"] == "DATEX II requires the country of its publisher: set web.country, such as DE."


async def test_parkapi_has_a_lot_for_each_site(client: httpx.AsyncClient) -> None:
    city = (await client.get("/api/v1/exports/parkapi")).json()
    assert [one["name"] for one in city["lots"]] == ["central", "no position", "north"]
    assert city["last_updated"] == "2026-11-23T11:30:00"


async def test_curb_events_come_the_newest_first(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/exports/cds/events.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    kinds = [one["event_type"] for one in rows]
    assert (kinds.count("park_start"), kinds.count("park_end")) == (16 + 4, 16), (
        "4 cars are there, on spaces with a position"
    )
    times = [int(one["event_time"]) for one in rows]
    assert times == sorted(times, reverse=True)
    nothing = await client.get("/api/v1/exports/cds/events.csv?until=2026-11-20T00:00:00Z")
    assert nothing.text.startswith("event_id,")
    assert nothing.text.count("\n") == 1
    part = await client.get("/api/v1/exports/cds/events.csv?site=north&since=2026-11-23T10:30:00Z")
    assert part.text.count("\n") == 1 + 2, "two cars came to north meanwhile"
