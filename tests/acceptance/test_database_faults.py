"""Administrators and failovers change the database under a running gateway: it waits, logs why, and goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_logged, has_recorded, publish, settled, traffic, until, value

CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parking-gateway' and datname = current_database()"
RAISE = (
    (
        "create function broken() returns trigger language plpgsql as"
        " $$ begin raise exception 'somebody''s trigger' using errcode = '{}'; end $$"
    ),
    "create trigger broken before insert on uplink for each row execute function broken()",
)
MEND = ["drop trigger broken on uplink", "drop function broken()"]
IN_VAIN = "The database does not answer; trying again"
NOT_AS_IT_IS = "The database cannot be used as it is; trying again"

FAULTS = {
    "read-only": (
        ["alter database {db} set default_transaction_read_only = on", CUT],
        ["alter database {db} reset default_transaction_read_only", CUT],
        [IN_VAIN, "in a read-only transaction", "standby or read-only"],
    ),
    "a revoked right": (
        ["revoke insert on uplink from {role}"],
        ["grant insert on uplink to {role}"],
        [NOT_AS_IT_IS, "permission denied for table uplink", "grant all on all tables"],
    ),
    "another owner": (
        ["revoke all on all tables in schema public from {role}", CUT],
        ["grant all on all tables in schema public to {role}"],
        [NOT_AS_IT_IS, "permission denied for table", "grant all on all tables"],
    ),
    "another type to write": (
        ["alter table uplink alter f_port type text[] using array[]::text[]"],
        ["truncate uplink", "alter table uplink alter f_port type smallint using 1"],
        [NOT_AS_IT_IS, 'column \\"f_port\\" is of type text[]', "changed by hand"],
    ),
    "another type to read": (
        ["alter table space alter service_at type text", CUT],
        ["alter table space alter service_at type timestamptz using service_at::timestamptz"],
        [NOT_AS_IT_IS, "the column service_at has another type than", "changed by hand"],
    ),
    "a renamed table": (
        ["alter table uplink rename to elsewhere"],
        ["alter table elsewhere rename to uplink"],
        [NOT_AS_IT_IS, 'relation \\"uplink\\" does not exist', "rename it back"],
    ),
    "detached partitions": (
        [
            (
                "do $$ declare part regclass; begin for part in select inhrelid::regclass from pg_inherits where inhparent ="
                " 'uplink'::regclass loop execute format('alter table uplink detach partition %s', part); end loop; end $$"
            )
        ],
        ["alter table uplink attach partition uplink_default default"],
        [
            NOT_AS_IT_IS,
            'no partition of relation \\"uplink\\" found for row',
            "attach partition uplink_default default",
        ],
    ),
    "statements that are gone": (
        [
            "create function broken() returns trigger language plpgsql as $$ begin deallocate all; return null; end $$",
            "create trigger broken before insert on transition for each statement execute function broken()",
        ],
        ["drop trigger broken on transition", "drop function broken()"],
        [IN_VAIN, "prepared statement", "does not exist"],
    ),
    "no more connections": (
        ["alter role {role} connection limit 0", CUT],
        ["alter role {role} connection limit -1"],
        [IN_VAIN, "too many connections for role"],
    ),
    "a trigger on a confirmation": (
        [
            RAISE[0].format("P0001"),
            "create trigger broken before update of published_version on space for each row execute function broken()",
        ],
        ["drop trigger broken on space", "drop function broken()"],
        [NOT_AS_IT_IS, "PL/pgSQL function broken()", "confirming publications"],
    ),
    "a refusing trigger on a confirmation": (
        [
            RAISE[0].format("22003"),
            "create trigger broken before update of published_version on space for each row execute function broken()",
        ],
        ["drop trigger broken on space", "drop function broken()"],
        [NOT_AS_IT_IS, "PL/pgSQL function broken()", "confirming publications"],
    ),
    "an internal error": (
        [RAISE[0].format("XX000"), RAISE[1]],
        MEND,
        [IN_VAIN, "somebody's trigger", "look at its log"],
    ),
}


class Administrator:
    """An administrator, who works on the database with psql."""

    def __init__(self, connection: psycopg.AsyncConnection, role: str) -> None:
        self._connection = connection
        self._names = {"db": sql.Identifier(connection.info.dbname), "role": sql.Identifier(role)}

    async def execute(self, statements: Sequence[str]) -> None:
        """Execute the statements one after the other."""
        for statement in statements:
            query = (
                sql.SQL(statement).format(**self._names) if "{role}" in statement or "{db}" in statement else statement
            )
            await self._connection.execute(query.encode() if isinstance(query, str) else query)


@asynccontextmanager
async def administrator(database: str, daemon: Daemon) -> AsyncIterator[Administrator]:
    """An administrator, while the gateway uses a role with only the rights that it needs."""
    async with await psycopg.AsyncConnection.connect(
        database, autocommit=True, options="-c default_transaction_read_only=off"
    ) as connection:
        role = f"gateway_of_{connection.info.dbname}"
        admin = Administrator(connection, role)
        await admin.execute(
            [
                "create role {role} login",
                "grant all on all tables in schema public to {role}",
                "grant all on all sequences in schema public to {role}",
            ]
        )
        daemon.configure(
            DATABASE__URL=database.replace("postgres@", f"{role}@"),
            DATABASE__RECONNECT_WAIT_MIN="0.1",
            DATABASE__RECONNECT_WAIT_MAX="0.2",
        )
        try:
            yield admin
        finally:
            await admin.execute([CUT, "drop owned by {role}", "drop role {role}"])


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_waits_for_the_end_of_a_fault(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, fault: str
) -> None:
    """The process stays, logs what is wrong and what to do, rejects nothing, and goes on by itself."""
    breaks, mends, sentences = FAULTS[fault]
    devices = await car_park(10)
    sent = traffic(devices, uplinks=200)
    async with administrator(database, daemon) as admin:
        daemon.start_and_wait()
        await publish(broker, sent[:100])
        await until(partial(has_recorded, engine, 99), "uplinks before the fault")
        await admin.execute(breaks)
        publishing = asyncio.create_task(publish(broker, sent[100:]))
        for sentence in sentences:
            await until(partial(has_logged, daemon, sentence), f"a line with: {sentence}")
        await admin.execute(mends)
        await publishing
        if "truncate uplink" in mends:
            await until(partial(has_recorded, engine, 99), "the uplinks after the fault")
        else:
            await settled(engine, broker, database, uplinks=200)
        assert await value(engine, "select count(*) from rejection") == 0
        assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()


async def test_a_start_without_rights_waits_for_them(daemon: Daemon, database: str) -> None:
    """The database was restored with another owner: the start logs it, and goes on once the rights are granted."""
    async with administrator(database, daemon) as admin:
        await admin.execute(["revoke all on all tables in schema public from {role}"])
        daemon.start()
        for sentence in (NOT_AS_IT_IS, "permission denied for table alembic_version", "grant all on all tables"):
            await until(partial(has_logged, daemon, sentence), f"a line with: {sentence}")
        await admin.execute(["grant all on all tables in schema public to {role}"])
        daemon.wait_until("READY=1")
        assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()
