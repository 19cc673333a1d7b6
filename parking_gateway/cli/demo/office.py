"""The people of the car park: desks that book spaces, and a crew that takes spaces out of service. All of it by requests.

Whatever they begin and what would end by itself, they end when the demo stops, so that the audit finds a picture that stays.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final

import aiomqtt
import msgspec

from parking_gateway.cli.demo.car_park import KEPT_ZONE, LAMP
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.contract.messages import ResponseMessage
from parking_gateway.process.waits import beside, pause
from parking_gateway.register.entries import Place

REPLY_SECONDS: Final = 20
_BOOKED: Final = timedelta(seconds=9)
_CLEANED: Final = timedelta(seconds=4)
_DAY: Final = timedelta(days=1)
OK: Final = "ok"
_OFTEN_OK: Final = (OK, "conflict")
_CREW: Final = "crew"


class Requests:
    """Publishes requests, and waits for their replies."""

    def __init__(self, client: aiomqtt.Client, root: str) -> None:
        self.differences: list[str] = []
        """A sentence for each reply that is missing or wrong."""
        self._client = client
        self._root = root
        self._numbers = count(1)
        self._waiting: dict[object, asyncio.Future[ResponseMessage]] = {}

    async def listen(self) -> None:
        """Receive replies until cancelled. Raises MqttError."""
        async for message in self._client.messages:
            if isinstance(message.payload, bytes):
                reply = msgspec.json.decode(message.payload, type=ResponseMessage)
                waiting = self._waiting.pop(reply.transaction, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)

    async def ask(self, verb: str, *, by: str, expected: Sequence[str] = (OK,), **parameters: Any) -> dict[str, Any]:
        """Ask, and return the data of the reply; nothing, if the gateway refuses. `expected` are `ok` and codes of errors."""
        number = next(self._numbers)
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        content = {**parameters, "by": by, "transaction": number}
        await self._client.publish(f"{self._root}/request/{verb}", msgspec.json.encode(content), qos=1)
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                found = await reply
        except TimeoutError:
            self.differences.append(f"the request {number}, {verb}, has no reply")
            return {}
        outcome = found.error.code if found.error else OK
        if outcome not in expected:
            self.differences.append(f"the reply to request {number}, {verb}, is {outcome}, and should be {expected[0]}")
        return found.data or {}


class People(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody in the car park needs."""

    requests: Requests
    ledger: Ledger
    seed: int
    stop: asyncio.Event

    def random(self, who: str) -> Random:
        """The choices of one of them."""
        return Random(f"{self.seed} {who}")  # noqa: S311 - a simulation, which has to repeat itself


async def work(
    broker_url: str, places: Sequence[Place], ledger: Ledger, *, root: str, seed: int, stop: asyncio.Event
) -> list[str]:
    """Book, repair and clean until `stop`. Returns a sentence for each reply that is missing or wrong. Raises MqttError."""
    async with connected_client(broker_url) as client:
        await client.subscribe(f"{root}/response/#", qos=1)
        requests = Requests(client, root)
        people = People(requests=requests, ledger=ledger, seed=seed, stop=stop)
        async with beside(requests.listen()), asyncio.TaskGroup() as tasks:
            tasks.create_task(_maintain(people, places))
            tasks.create_task(_book_for_the_day(people, places))
            for zone in sorted({place[:2] for place in places} - {KEPT_ZONE}):
                tasks.create_task(_book(people, zone))
        return requests.differences


def lamp_place(places: Sequence[Place]) -> Place:
    """The space below the lamp."""
    return places[len(places) // 3]


async def _book_for_the_day(people: People, places: Sequence[Place]) -> None:
    """A lamp is hung up, and a space is kept for a director all day."""
    ask = people.requests.ask
    await ask("indicator/set", by=_CREW, dev_eui=LAMP.dev_eui, model="busylight", places=[str(lamp_place(places))])
    place, now = places[0], datetime.now(UTC)
    made: dict[str, Any] = {"start": now, "end": now + _DAY, "request_id": "director", "holder": "director"}
    await ask("reservation/create", by="office", **place._asdict(), **made)
    people.ledger.reserved.add(place)


async def _book(people: People, zone: tuple[str, str]) -> None:
    """A desk books any free space, sometimes tries to book it twice, and cancels what is not over."""
    rng, by = people.random(str(zone)), f"desk {zone[1]}"
    names = dict(zip(("site", "zone"), zone, strict=True))
    for turn in count(1):
        start = datetime.now(UTC) + timedelta(seconds=1)
        asked = {**names, "start": start, "end": start + _BOOKED}
        audience = {"audience": "ev"} if turn % 2 else {}
        made = await people.requests.ask(
            "reservation/create", by=by, expected=_OFTEN_OK, **asked, **audience, request_id=f"{by} {turn}"
        )
        if made and turn % 3 == 1:
            again = {**asked, "space": made["space"], "request_id": f"{by} {turn} again"}
            await people.requests.ask("reservation/create", by=by, expected=("conflict",), **again)
        await pause(rng.uniform(3, 12), stop=people.stop)
        if made:
            await people.requests.ask("reservation/cancel", by=by, expected=_OFTEN_OK, reservation=made["reservation"])
        if people.stop.is_set():
            return
        await pause(rng.uniform(0, 3), stop=people.stop)


async def _maintain(people: People, places: Sequence[Place]) -> None:
    """A space is broken all day, a space is painted, and a zone is cleaned: this ends by itself."""
    rng, ask, stop = people.random(_CREW), people.requests.ask, people.stop
    broken, cleaned = places[len(places) // 2], places[-1][:2]
    await ask("space/maintenance", by=_CREW, **broken._asdict(), on=True, reason="broken post")
    people.ledger.out_of_service.add(broken)
    others = [place for place in places if place != broken]
    while others and not stop.is_set():
        painted = rng.choice(others)._asdict()
        await ask("space/maintenance", by=_CREW, **painted, on=True, reason="wet paint")
        await pause(3, stop=stop)
        await ask("space/maintenance", by=_CREW, **painted, on=False)
        await ask("space/get", by=_CREW, expected=("not_found",), **{**painted, "space": "a-00l"})
        if cleaned == broken[:2]:
            continue
        names = {"site": cleaned[0], "zone": cleaned[1]}
        until = datetime.now(UTC) + _CLEANED
        await ask("zone/maintenance", by=_CREW, **names, on=True, reason="cleaning", until=until)
        await pause(rng.uniform(6, 9), stop=stop)
        await ask("zone/maintenance", by=_CREW, **names, on=False)
        await pause(rng.uniform(2, 5), stop=stop)
