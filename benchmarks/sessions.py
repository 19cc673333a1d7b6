"""Creates the session of a contestant, fills it, and checks that it is empty in the end."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

import psycopg
from pydantic_core import MultiHostUrl

from benchmarks.contestants import INSTANCE
from benchmarks.standing import link
from parking_gateway.contract.gateways import MarkerMessage, gateway_publication
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import PublicationConfig

_WINDOW: Final = 500
_AT_ONCE: Final = 5000
"""The number of publications in memory at a time, because a long backlog would take too much."""


class LeftOver(Exception):  # noqa: N818 - it is what was found
    """The session of a contestant still has messages."""


def as_client(broker_url: str, client_id: str, *, shared_group: str | None = None) -> Config:
    """The configuration of a client with this id."""
    return Config(
        mqtt=MqttConfig(url=MultiHostUrl(broker_url), client_id=client_id, shared_group=shared_group),
        publication=PublicationConfig(window=_WINDOW),
    )


async def create(broker_url: str, client_id: str) -> None:
    """Connect, subscribe as the gateway does, and disconnect. From now on the broker keeps the messages of this session."""
    config = as_client(broker_url, client_id)
    async with link(config) as broker:
        await broker.subscribe(config.subscription)


async def fill(broker_url: str, publications: Iterable[Publication]) -> None:
    """Publish all in their order, at QoS 1."""
    remaining = iter(publications)
    async with link(as_client(broker_url, "bench-feeder")) as broker:
        while some := list(islice(remaining, _AT_ONCE)):
            await broker.publish(some)


async def remember_gateway(broker_url: str, watcher: psycopg.Connection, *, instance: str = INSTANCE) -> None:
    """Give broker and database the same marker. Without it, the gateway would publish everything again."""
    watcher.execute(
        "insert into gateway (instance, confirmed) values (%s, 1) on conflict (instance) do update set confirmed = 1",
        [instance],
    )
    client = as_client(broker_url, "bench-feeder")
    async with link(client) as broker:
        await broker.publish([gateway_publication(client.publication.root, instance, MarkerMessage(number=1))])


async def require_empty(broker_url: str, client_id: str, *, shared_group: str | None = None) -> None:
    """Raise LeftOver when the session still holds messages, or is gone."""
    config = as_client(broker_url, client_id, shared_group=shared_group)
    async with link(config) as broker:
        if not broker.session_present:
            raise LeftOver(f"The broker has no session {client_id} any more")
        # Waiting messages come right after the connection is accepted, and so before the answer to this request.
        await broker.subscribe(config.subscription)
        if broker.waiting:
            raise LeftOver(f"The session {client_id} still holds {broker.waiting} messages or more")
