"""The office asks and waits: a reply that is missing or wrong becomes a sentence for the audit."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from parking_gateway.cli.demo import office
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.office import Requests
from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.contract.messages import ErrorMessage, ResponseMessage
from parking_gateway.process.waits import beside


@pytest.fixture
async def requests(broker: Broker) -> AsyncIterator[Requests]:
    """An office whose gateway knows two verbs: `good` and `bad`. It never answers another one."""
    async with connected_client(broker.url) as client, connected_client(broker.url) as gateway:
        await client.subscribe(f"{ROOT}/response/#", qos=1)
        await gateway.subscribe(f"{ROOT}/request/#", qos=1)

        async def answer() -> None:
            async for message in gateway.messages:
                assert isinstance(message.payload, bytes)
                verb = message.topic.value.removeprefix(f"{ROOT}/request/")
                number = msgspec.json.decode(message.payload)["transaction"]
                reply = ResponseMessage(status="ok", data={"space": "a-001"}, transaction=number)
                if verb == "bad":
                    error = ErrorMessage(code="conflict", message="No.")
                    reply = ResponseMessage(status="error", error=error, transaction=number)
                if verb in {"good", "bad"}:
                    await gateway.publish(f"{ROOT}/response/{verb}", msgspec.json.encode(reply), qos=1)

        asking = Requests(client, ROOT)
        async with beside(answer()), beside(asking.listen()):
            yield asking


async def test_every_request_gets_its_own_reply(requests: Requests) -> None:
    good, bad = await asyncio.gather(
        requests.ask("good", by="anna"), requests.ask("bad", by="anna", expected=("conflict",))
    )
    assert (good, bad) == ({"space": "a-001"}, {})
    assert requests.differences == []


async def test_an_unexpected_reply_and_a_missing_one_are_differences(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "REPLY_SECONDS", 0.2)
    for verb, expected in (("bad", ("ok",)), ("good", ("conflict",)), ("mute", ("ok",))):
        await requests.ask(verb, by="anna", expected=expected)
    assert requests.differences == [
        "the reply to request 1, bad, is conflict, and should be ok",
        "the reply to request 2, good, is ok, and should be conflict",
        "the request 3, mute, has no reply",
    ]
