"""What is published once survives the death of the gateway."""

import asyncio
import json
from datetime import UTC, datetime

import aiomqtt
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.store import outgoing
from parking_gateway.store.pool import Pool
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE, until, validate, value


async def test_a_message_is_published_again_with_its_id_where_the_gateway_died_before_the_confirmation(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, pool: Pool
) -> None:
    async with pool.connect() as connection:
        notice = Notice(kind=NoticeKind.FAULT, at=datetime.now(UTC))
        await connection.commit_together(outgoing.send([notice]))

    async def is_confirmed() -> bool:
        return bool(await value(engine, "select not exists (select from outgoing)"))

    async with aiomqtt.Client(LOCALHOST, broker.port) as subscriber, asyncio.timeout(PATIENCE):
        await subscriber.subscribe("parking/v1/events/+")
        async with engine.connect() as keeper:
            # Rows can be read and not deleted.
            await keeper.exec_driver_sql("lock table outgoing in share mode")
            daemon.start_and_wait()
            first = await anext(subscriber.messages)
            daemon.kill()
            # What it had sent to PostgreSQL would still be done.
            await keeper.exec_driver_sql("select pg_terminate_backend(pid) from pg_locks where not granted")
        assert not await is_confirmed()
        daemon.start_and_wait()
        again = await anext(subscriber.messages)
        await until(is_confirmed, "the confirmation of the message")
    assert (again.topic, again.payload) == (first.topic, first.payload)
    validate("notice", json.loads(bytes(first.payload)))
