"""The benchmark's own side of the broker: make a session, fill it, and look whether anything is left in it."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

import psycopg
from pydantic import AnyUrl

from benchmarks.contestants import INSTANCE
from benchmarks.standing import link
from parking_gateway.contract.messages import MarkerMessage, gateway_publication
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import PublicationConfig

_WINDOW: Final = 500
_AT_ONCE: Final = 5000
"""Publications that are made before they are sent, so that a long backlog is never in memory."""


class LeftOver(Exception):  # noqa: N818 - it is what was found
    """Messages that a contestant was given and has not acknowledged."""


def as_client(broker_url: str, client_id: str, *, shared_group: str | None = None) -> Config:
    """The configuration of somebody who is called so."""
    return Config(
        mqtt=MqttConfig(url=AnyUrl(broker_url), client_id=client_id, shared_group=shared_group),
        publication=PublicationConfig(window=_WINDOW),
    )


async def create(broker_url: str, client_id: str) -> None:
    """Connect once, subscribe as the gateway does, and leave: from now on the broker keeps what comes."""
    config = as_client(broker_url, client_id)
    async with link(config) as broker:
        await broker.subscribe(config.subscription)


async def fill(broker_url: str, publications: Iterable[Publication]) -> None:
    """Publish all of them in their order, at QoS 1."""
    remaining = iter(publications)
    async with link(as_client(broker_url, "bench-feeder")) as broker:
        while some := list(islice(remaining, _AT_ONCE)):
            await broker.publish(some)


async def remember_gateway(broker_url: str, watcher: psycopg.Connection, *, instance: str = INSTANCE) -> None:
    """Give broker and database the same marker, as of a gateway that was here before.

    Otherwise the gateway would publish everything again.
    """
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
        # What is left comes right after the connection is accepted, and so before the answer to this.
        await broker.subscribe(config.subscription)
        if broker.waiting:
            raise LeftOver(f"The session {client_id} still holds {broker.waiting} messages or more")
