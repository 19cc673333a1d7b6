"""What is published once: in its order, by one gateway at a time, until the broker has confirmed it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parking_gateway.broker.link import MqttError
from parking_gateway.contract.publication import Publication
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import Reply
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.outgoing import OutgoingMessages
from parking_gateway.process.waits import Backoff
from parking_gateway.store import confirmations, outgoing
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query, Statement
from tests.links import FakeLink
from tests.plugins.car_park import CarPark
from tests.whole_gateway import until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON, NEVER = timedelta(milliseconds=10), timedelta(days=1)
PATIENCE = 10
KINDS = list(NoticeKind)


class Sender:
    """A gateway that publishes over one link."""

    def __init__(
        self, pool: Pool, link: FakeLink | None = None, *, instance: str = "one", poll_interval: timedelta = NEVER
    ) -> None:
        self.link = link or FakeLink()
        self.messages = OutgoingMessages(
            "p/v1",
            instance=instance,
            database=pool,
            patience=Patience(
                pool,
                backoff=Backoff(shortest=SOON, longest=SOON),
                stop=asyncio.Event(),
                report=lambda _what, _failure: None,
            ),
            poll_interval=poll_interval,
            report=lambda _kind, _count, _refusals: None,
        )

    async def finish(self) -> list[int]:
        """Publish all, as at a stop, and return the ids of everything that the broker has taken."""
        self.messages.finish()
        async with asyncio.timeout(PATIENCE):
            await self.messages.run(self.link)
        return ids(self.link)


def ids(link: FakeLink) -> list[int]:
    return [json.loads(one.payload)["id"] for one in link.taken]


def notice(kind: NoticeKind = NoticeKind.FAULT, space: SpaceId | None = None) -> Notice:
    return Notice(kind=kind, at=NOON, space=space, details={"text": 'A "quoted" \\ word'})


async def write(pool: Pool, *messages: Notice | Reply) -> None:
    async with pool.connect() as connection:
        await connection.commit_together(outgoing.send(messages))


async def numbers(pool: Pool, statement: str) -> list[int]:
    async with pool.engine.connect() as connection:
        return [number for (number,) in await connection.exec_driver_sql(statement)]


async def left(pool: Pool) -> list[int]:
    """The ids of the messages that are not confirmed."""
    return await numbers(pool, "select id from outgoing order by id")


async def test_messages_are_published_in_their_order_and_then_deleted(pool: Pool) -> None:
    await write(pool, *map(notice, KINDS))
    await write(pool, *[notice()] * 500)
    written = await left(pool)
    sender = Sender(pool)
    assert await sender.finish() == written
    assert [one.topic for one in sender.link.taken][: len(KINDS)] == [f"p/v1/events/{kind}" for kind in KINDS]
    assert await left(pool) == []


async def test_a_message_has_the_names_that_its_space_had_when_it_was_written(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    (space,) = await numbers(pool, "select id from space")
    await write(pool, notice(space=SpaceId(space)))
    async with pool.engine.begin() as connection:
        await connection.exec_driver_sql("update space set name = 'other'")
    sender = Sender(pool)
    await sender.finish()
    message = json.loads(sender.link.taken[0].payload)
    assert (message["site"], message["zone"], message["space"]) == ("central", "level-1", "A-1")


async def test_a_notice_is_kept_with_the_id_of_its_message_and_a_reply_is_not(pool: Pool) -> None:
    await write(pool, Reply(topic="a", payload=b"{}"), notice())
    _, second = await left(pool)
    assert await numbers(pool, "select id from notice") == [second]


async def test_what_was_not_confirmed_when_the_link_was_lost_is_published_again_with_the_same_id(pool: Pool) -> None:
    await write(pool, notice(), notice(), notice())
    written = await left(pool)
    link = FakeLink(lost_after=2)
    with pytest.raises(MqttError):
        await Sender(pool, link).finish()
    assert (ids(link), await left(pool)) == (written[:2], written)
    assert await Sender(pool).finish() == written


async def test_a_refused_topic_delays_no_other_and_is_tried_again(pool: Pool) -> None:
    await write(pool, notice(NoticeKind.TAMPER), notice(NoticeKind.FAULT))
    refused, taken = await left(pool)
    is_refusing = True

    def refuses(publication: Publication) -> bool:
        return is_refusing and publication.topic.endswith("tamper")

    sender = Sender(pool, FakeLink(refuses=refuses), poll_interval=SOON)

    async def is_left(expected: Sequence[int]) -> bool:
        return await left(pool) == expected

    async with asyncio.TaskGroup() as group:
        group.create_task(sender.messages.run(sender.link))
        await until(partial(is_left, [refused]), "the message whose topic is refused")
        is_refusing = False
        await until(partial(is_left, []), "no message")
        sender.messages.finish()
    assert ids(sender.link) == [taken, refused]


async def test_two_gateways_publish_every_message_once_and_in_order(pool: Pool) -> None:
    """While one waits for the broker, the other one leaves even its own new messages to it."""
    await write(pool, notice(), notice())
    second = Sender(pool, instance="two")

    async def meanwhile() -> None:
        if not await numbers(pool, "select 1 from notice where kind = 'drift'"):
            await write(pool, notice(NoticeKind.DRIFT))
            assert await second.finish() == []

    first = Sender(pool, FakeLink(meanwhile=meanwhile))
    written = await left(pool)
    assert await first.finish() == [*written, written[-1] + 1]
    await write(pool, notice())
    assert len(await second.finish()) == 1


async def test_a_commit_wakes_the_publication_and_without_messages_nothing_is_written(pool: Pool) -> None:
    has_written = Query(
        statement=Statement(sa.text("select pg_current_xact_id_if_assigned() is not null as has_written")),
        arguments={},
        read=lambda rows: rows[0][0],
    )
    async with pool.connect() as connection:
        *_, without = await connection.together(outgoing.claim("one"), outgoing.page("one", limit=1), has_written)
        *_, written = await connection.together(outgoing.send([notice()]), has_written)
        assert (without, written) == (False, True)
    sender = Sender(pool)

    async def is_published() -> bool:
        return len(sender.link.taken) == 1

    async with asyncio.TaskGroup() as group:
        group.create_task(sender.messages.run(sender.link))
        await write(pool, notice())
        sender.messages.wake()
        await until(is_published, "the message")
        sender.messages.finish()
    assert await left(pool) == []


async def test_a_gateway_that_died_with_its_claim_is_replaced_after_a_while(pool: Pool) -> None:
    await write(pool, notice())
    with pytest.raises(MqttError):
        await Sender(pool, FakeLink(lost_after=0)).finish()
    second = Sender(pool, instance="two")
    assert await second.finish() == []
    async with pool.connect() as connection:
        (seconds,) = await connection.commit_together(outgoing.claimed_by_another("two"))
    assert 0 < seconds <= outgoing.CLAIMED.total_seconds()
    async with pool.engine.begin() as connection:
        await connection.exec_driver_sql("update outgoing_claim set claimed_until = now() - interval '1 second'")
    async with pool.connect() as connection:
        assert await connection.commit_together(outgoing.claimed_by_another("two")) == (0,)
    assert len(await second.finish()) == 1


async def test_a_message_that_nobody_waits_for_is_not_published_but_deleted(pool: Pool) -> None:
    await write(pool, Reply(topic="a", payload=b"{}", expires_at=NOON - timedelta(days=1000)))
    sender = Sender(pool)
    assert await sender.finish() == []
    async with pool.connect() as connection:
        (deleted,) = await connection.commit_together(outgoing.delete_expired())
    assert (deleted, await left(pool)) == (1, [])


async def test_after_a_restore_no_id_is_given_twice(pool: Pool) -> None:
    async with pool.connect() as connection:
        await connection.commit_together(*confirmations.raise_versions(10**15))
    await write(pool, notice())
    assert await left(pool) == [10**15 + 1]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
async def test_whatever_is_lost_every_message_arrives_and_first_arrivals_are_in_order(
    pool: Pool, losses: Sequence[int]
) -> None:
    await write(pool, *[notice()] * 10)
    written = await left(pool)
    arrived: list[int] = []
    for loss in losses:
        link = FakeLink(lost_after=loss)
        with pytest.raises(MqttError):
            await Sender(pool, link, instance="one").finish()
        arrived += ids(link)
    arrived += await Sender(pool, instance="one").finish()
    assert list(dict.fromkeys(arrived)) == written
