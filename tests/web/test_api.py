"""The HTTP API: its pages, filters and caches, its problems, and its description."""

import gzip
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.pool import Pool
from parking_gateway.web.passwords import new_token
from tests.web.api_client import asking, build


@pytest.fixture
async def client(engine: AsyncEngine, pool: Pool) -> Any:
    await build(engine)
    async with asking(pool) as client:
        yield client


async def all_items(client: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following: str | None = address
    while following is not None:
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        assert (page["next"] is None) == ("link" not in answer.headers)
        if page["next"] is not None:
            assert answer.headers["link"] == f'<{page["next"]}>; rel="next"'
        following = page["next"]
    return items


LISTS = {
    "spaces": (("site", "zone", "space"), 24),
    "zones": (("site", "zone"), 6),
    "sites": (("site",), 3),
    "devices": (("dev_eui",), 24),
    "stays": (("departed_at", "id"), 24),
}


async def test_the_pages_of_a_list_have_every_item_once_in_its_order(client: httpx.AsyncClient) -> None:
    for path, (key, number) in LISTS.items():
        for limit in (1, 5, 24, 1000):
            items = await all_items(client, f"/api/v1/{path}?limit={limit}")
            keys = [tuple(one[name] for name in key) for one in items]
            assert len(set(keys)) == len(keys) == number, path
            assert keys == sorted(keys), path


FILTERED = {
    "spaces?site=north": 8,
    "spaces?site=north&zone=a%20%26%20c&limit=3": 4,
    "spaces?state=OCCUPIED&limit=1": 6,
    "spaces?audience=ev&contact=live": 6,
    "spaces?contact=lost": 0,
    "zones?site=north&limit=1": 2,
    "devices?problem=silent": 1,
    "devices?has_problem=true": 1,
    "devices?has_problem=false&limit=5": 23,
    "devices?contact=lost": 1,
    "devices?site=central&zone=level-0": 4,
    "stays?site=north&zone=level-0": 4,
    "stays?site=north&zone=level-0&space=a-001": 1,
    "stays?since=2026-11-23T10:00:00Z&until=2026-11-23T10:11:00Z&limit=4": 10,
    "stays?since=2026-11-23T11:00:00%2B01:00&until=2026-11-23T10:11:00Z": 10,
    "stays?until=2026-11-20T00:00:00Z": 0,
}


async def test_filters_hold_on_every_page(client: httpx.AsyncClient) -> None:
    found = {address: len(await all_items(client, f"/api/v1/{address}")) for address in FILTERED}
    assert found == FILTERED


PLACES: dict[str, dict[str, Any]] = {
    "spaces/north/level-0/a-001": {
        "state": "FREE",
        "position": {"lat": 51.125, "lon": 13.0},
        "max_stay": 3600,
        "audience": "disabled",
        "tags": ["new"],
        "updated": "2026-11-23T11:30:00Z",
    },
    "spaces/no%20position/level-0/a-002": {"state": "OCCUPIED", "position": None},
    "zones/north/a%20&%20c": {"zone": "a & c", "total": 4, "free": 3, "time_zone": "Europe/Berlin"},
    "sites/central": {"position": {"lat": 50.5, "lon": 12.5}},
    "zones/central/level-0": {"position": {"lat": 51.3125, "lon": 13.0}},
    "sites/north": {"total": 8, "occupied": 2, "position": {"lat": 51.3125, "lon": 13.0}},
    "devices/A840410000000001": {"dev_eui": "a840410000000001", "problem": "silent"},
}


async def test_one_place_has_an_address_of_its_own(client: httpx.AsyncClient) -> None:
    for address, expected in PLACES.items():
        answer = await client.get(f"/api/v1/{address}")
        assert answer.status_code == 200
        assert {name: answer.json()[name] for name in expected} == expected


async def test_an_answer_that_the_client_has_is_not_sent_again(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    first = await client.get("/api/v1/spaces")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get("/api/v1/spaces", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await client.get("/api/v1/spaces", headers={"If-None-Match": '"other"'})
    assert other.content == first.content
    async with engine.begin() as connection:
        await connection.exec_driver_sql("update space set battery_percent = 7 where name = 'a-003'")
    changed = await client.get("/api/v1/spaces", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_long_answer_is_compressed_for_those_who_can_read_it(client: httpx.AsyncClient) -> None:
    plain = await client.get("/api/v1/spaces", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with client.stream("GET", "/api/v1/spaces", headers={"Accept-Encoding": "gzip"}) as packed:
        content = b"".join([piece async for piece in packed.aiter_raw()])
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(content) == plain.content
    assert len(content) < len(plain.content) / 5


MISTAKES = {
    "spaces?limit=0": (400, "limit=0 is not valid: Expected `int` >= 1. See /api/v1/openapi.json."),
    "spaces?limit=1001": (400, "limit=1001 is not valid: Expected `int` <= 1000. See /api/v1/openapi.json."),
    "spaces?limit=many": (400, "limit=many is not valid: Expected `int`, got `str`. See /api/v1/openapi.json."),
    "spaces?state=free": (400, "state=free is not valid: Invalid enum value 'free'. See /api/v1/openapi.json."),
    "spaces?colour=red": (
        400,
        "There is no parameter colour. There are: after, audience, contact, limit, site, state, zone.",
    ),
    "spaces?site=a&site=b": (400, "site is given twice: give it once."),
    "spaces?site=a%00": (400, "site has a character that cannot be printed: leave it out."),
    "spaces?after=central": (400, "after=central is no place in this list: take the address of `next`."),
    "stays?after=x": (400, "after=x is no time: write it as 2026-11-27T08:00:00Z."),
    "stays?since=2026-02-30T00:00:00Z": (
        400,
        "since=2026-02-30T00:00:00Z is no time: write it as 2026-11-27T08:00:00Z.",
    ),
    "stays?until=0001-01-01T00:00:00Z": (
        400,
        "until=0001-01-01T00:00:00Z is no time: write it as 2026-11-27T08:00:00Z.",
    ),
    "stays?since=9999-12-31T00:00:00Z&until=9999-12-31T23:59:59Z": (
        400,
        "until=9999-12-31T23:59:59Z is no time: write it as 2026-11-27T08:00:00Z.",
    ),
    "stays?since=2020-01-01T00:00:00Z": (
        400,
        "since has to be before until, and at most 31 days: ask for such a time.",
    ),
    "spaces/central/level-0/a-009": (404, "There is no space central/level-0/a-009. Its list has all that there are."),
    "devices/0000000000000000": (404, "There is no device 0000000000000000. Its list has all that there are."),
    "nothing": (404, "There is no address /api/v1/nothing. /api/v1/openapi.json lists all."),
}


async def test_a_mistake_is_answered_with_a_sentence(client: httpx.AsyncClient) -> None:
    for address, (status, detail) in MISTAKES.items():
        answer = await client.get(f"/api/v1/{address}")
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (answer.status_code, problem["status"], problem["type"]) == (status, status, "about:blank")
        assert problem["detail"] == detail
        assert problem["title"]


async def test_the_api_only_reads(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/spaces")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert "only reads" in answer.json()["detail"]
    head = await client.head("/api/v1/spaces")
    assert head.status_code == 200
    assert head.headers["etag"] == (await client.get("/api/v1/spaces")).headers["etag"]


async def test_with_tokens_only_a_known_one_may_read(engine: AsyncEngine, pool: Pool) -> None:
    await build(engine)
    token, hashed = new_token()
    hashes = {"website": hashed, "other": new_token()[1]}
    async with asking(pool, tokens=hashes) as client:
        for header, error in (
            ({}, ""),
            ({"Authorization": "Basic YTpi"}, ""),
            ({"Authorization": "Bearer wrong"}, ', error="invalid_token"'),
            ({"Authorization": f"Bearer {hashes['website']}"}, ', error="invalid_token"'),
        ):
            refused = await client.get("/api/v1/spaces", headers=header)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == f'Bearer realm="parking-gateway"{error}'
            assert "token" in refused.json()["detail"].lower()
        for scheme in ("Bearer", "bearer"):
            answer = await client.get("/api/v1/spaces", headers={"Authorization": f"{scheme} {token}"})
            assert answer.status_code == 200
        assert (await client.get("/api/v1/openapi.json")).status_code == 200, "the description is no secret"


async def test_pages_of_a_configured_origin_may_read(engine: AsyncEngine, pool: Pool) -> None:
    await build(engine)
    ours, others = {"Origin": "https://parking.example.org"}, {"Origin": "https://evil.example.org"}
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with asking(pool, cors_origins=["https://parking.example.org"]) as client:
        answer = await client.get("/api/v1/sites", headers=ours)
        assert answer.headers["access-control-allow-origin"] == ours["Origin"]
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert (await client.options("/api/v1/sites", headers=ours | asked)).status_code == 200
        assert "access-control-allow-origin" not in (await client.get("/api/v1/sites", headers=others)).headers
    async with asking(pool) as client:
        assert "access-control-allow-origin" not in (await client.get("/api/v1/sites", headers=ours)).headers


async def test_without_its_database_the_api_asks_for_patience(engine: AsyncEngine, pool: Pool) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("alter table space rename to hidden")
    async with asking(pool) as client:
        answer = await client.get("/api/v1/spaces")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The database cannot be read now: ")


async def test_a_bug_is_a_problem_document_without_its_secrets(pool: Pool) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError("a secret")

    async with asking(pool, clock=broken) as client:
        answer = await client.get("/api/v1/stays")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["detail"] == "The gateway has failed. Its log has the reason."


async def test_a_stay_of_a_long_silence_is_found_in_few_parts(engine: AsyncEngine, pool: Pool) -> None:
    """The first part is 10 minutes, and each further one is longer."""
    await build(
        engine, "update past_stay set arrived_at = '2026-10-25 08:00Z', departed_at = '2026-10-25 09:00Z' where id = 1"
    )
    async with asking(pool) as client:
        items = await all_items(client, "/api/v1/stays?since=2026-10-24T00:00:00Z&limit=1")
    assert len(items) == 24
    assert datetime.fromisoformat(items[0]["departed_at"]) == datetime(2026, 10, 25, 9, tzinfo=UTC)
    assert items[0]["seconds"] == 3600
