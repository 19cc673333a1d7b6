"""Operators of the board: how they come in, what they may do, and who else may not."""

import asyncio
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.web.passwords import hash_of
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.web.watching import started, watching

PLACE = {"site": "central", "zone": "level-1", "space": "A-1"}
ANNA = {"name": "anna", "password": "correct horse"}


async def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_operator_logs_in_and_does_what_a_request_over_mqtt_does(
    daemon: Daemon, car_park: CarPark, engine: AsyncEngine
) -> None:
    await car_park(2)
    daemon.configure(WEB__OPERATORS=f'{{"anna": "{hash_of("correct horse")}"}}')
    async with started(daemon) as client:
        maintenance = "/board/request/space/maintenance"
        order: dict[str, Any] = {**PLACE, "on": True, "reason": "wet paint", "by": "somebody else", "transaction": 7}

        # Who looks may do nothing, and nobody guesses.
        assert (await client.get("/board/me")).json() == {"operator": None, "csrf": "", "can_log_in": True}
        assert await code_of(await client.post(maintenance, json=order)) == (401, "not_logged_in")
        for wrong in (ANNA | {"password": "correct house"}, ANNA | {"name": "bert"}):
            assert await code_of(await client.post("/board/login", json=wrong)) == (401, "wrong")

        login = await client.post("/board/login", json=ANNA)
        cookie = login.headers["set-cookie"]
        assert login.status_code == 200
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/board"))
        assert "Secure" not in cookie
        me = (await client.get("/board/me")).json()
        assert me["operator"] == "anna"
        token = {"X-CSRF-Token": me["csrf"]}

        # A page of another host has the cookie at most, and not the token.
        assert await code_of(await client.post(maintenance, json=order)) == (403, "forged")
        assert await code_of(
            await client.post(maintenance, json=order, headers=token | {"Origin": "https://elsewhere.example"})
        ) == (403, "foreign")
        assert await code_of(
            await client.post(maintenance, content="{}", headers=token | {"Content-Type": "text/plain"})
        ) == (403, "foreign")

        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as watch:
            done = await client.post(maintenance, json=order, headers=token)
            assert (done.status_code, done.json()["status"], done.json()["transaction"]) == (200, "ok", 7)
            change = await watch.until("space", lambda space: space["state"] == "MAINTENANCE")
            assert change.data["maintenance_reason"] == "wet paint"
            assert change.data["cause"] == "maintenance by anna"

        # Mistakes and other work are refused, with the words of a reply over MQTT.
        for verb, body, expected in (
            ("space/maintenance", PLACE | {"on": True, "reasson": "?"}, (400, "invalid")),
            ("space/release", PLACE | {"space": "Z-9"}, (404, "not_found")),
            ("space/remove", PLACE, (404, "unknown_verb")),
            ("space/maintenance", PLACE | {"on": True, "reason": "x" * 20_000}, (413, "too_large")),
        ):
            assert await code_of(await client.post(f"/board/request/{verb}", json=body, headers=token)) == expected
        async with engine.connect() as connection:
            rows = (await connection.execute(sa.text("select verb, by, outcome from request order by id"))).all()
        assert [tuple(row) for row in rows] == [
            ("space/maintenance", "anna", "ok"),
            ("space/maintenance", "anna", "invalid"),
            ("space/release", "anna", "not_found"),
        ]

        assert (await client.post("/board/logout", json={}, headers=token)).status_code == 200
        assert (await client.get("/board/me")).json()["operator"] is None
        client.cookies.set("parking_operator", cookie.partition("=")[2].partition(";")[0])
        assert await code_of(await client.post(maintenance, json=order, headers=token)) == (401, "not_logged_in")

        # A proxy with TLS in front, as the documentation has it.
        proxy = {"Host": "parking.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        secure = await client.post("/board/login", json=ANNA, headers=proxy | {"Origin": "https://parking.example.org"})
        assert "Secure" in secure.headers["set-cookie"]

        # Two wrong and one right attempt came from this address: ten in a minute are the most.
        attempts = await asyncio.gather(
            *(client.post("/board/login", json={"name": "", "password": ""}) for _ in range(8))
        )
        assert sorted(one.status_code for one in attempts) == [401] * 7 + [429]
