"""A double of the database's server, which executes the gateway's own queries on rows in memory.

A server does not know what becomes of its clients. What was sent is executed, though nobody waits for the answer any more.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import psycopg

from parking_gateway.store.known_server import ServerId
from parking_gateway.store.query import Query, Rows
from tests.simulation.faults import Fault
from tests.simulation.rows import Tables, Transaction, executed
from tests.simulation.statements import STATEMENTS
from tests.simulation.world import World

_ANSWER_SECONDS: Final = 10.0
"""After which a client gives up a server that does not answer."""
_GONE: Final = "server closed the connection unexpectedly"


class Server:
    """The server. It outlives every client."""

    def __init__(self, world: World, tables: Tables) -> None:
        self.world = world
        self.tables = tables
        self.is_away = False
        self.is_deaf = False
        self.sessions: dict[Session, None] = {}
        self.lost: set[Any] = set()
        """The keys of uplinks that were recorded, and are lost because the database went back to an older state."""
        self.identity = ServerId(system_identifier="1", timeline=1)

    def raise_ids(self, sequence: str) -> None:
        """Let later ids be higher than all that were ever given."""
        now = int(self.world.now().timestamp() * 1_000_000)
        self.tables.numbers[sequence] = max(self.tables.next(sequence), now)

    def end_sessions(self) -> None:
        """The server stops at once."""
        for one in list(self.sessions):
            one.kill()

    def lose_clients(self, machine: object) -> None:
        """All clients of a machine are gone without a word. The server finds out later, and their locks stay until then."""
        for one in [session for session in self.sessions if session.machine is machine]:
            one.leave(self.world.dice.choice([0, 0, 1, 20]))


class Session:
    """What the server has for one connection."""

    def __init__(self, server: Server, *, of: object) -> None:
        self.machine = of
        self.is_lost = False
        self._server = server
        self._transaction: Transaction | None = None
        self._has_failed = False
        self._is_busy = False
        """Whether something was sent that is not answered."""
        self._work: Coroutine[Any, Any, list[Rows]] | None = None
        self._answer: asyncio.Future[list[Rows]] | None = None
        self._is_left = False
        server.sessions[self] = None

    async def ask(self, queries: Sequence[Query[Any]], *, ends: bool) -> list[Rows]:
        """Send the queries and wait for their rows."""
        if self.is_lost:
            raise psycopg.OperationalError(_GONE)
        if self._server.is_deaf:
            await asyncio.sleep(_ANSWER_SECONDS)
            raise TimeoutError
        world = self._server.world
        self._answer = asyncio.get_running_loop().create_future()
        self._is_busy = True
        world.at(world.time() + world.way(), lambda: self._begin(queries, ends=ends))
        return await self._answer

    async def trials(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        """Why each list could not be executed."""
        self.rollback()
        transaction = self._transaction = Transaction(self._server.tables)
        found: list[Exception | None] = []
        for queries in trials:
            undo = transaction.savepoint()
            try:
                for query in queries:
                    executed(STATEMENTS[query.statement.name](transaction, query.arguments))
            except psycopg.Error as error:
                found.append(error)
            else:
                found.append(None)
            undo()
        self.rollback()
        return found

    def rollback(self) -> None:
        """End the transaction without a commit."""
        self._has_failed = False
        if self._transaction is not None:
            self._transaction.end()
            self._transaction = None

    def leave(self, seconds: float) -> None:
        """The client is gone. What it has sent is executed to its end; the server sees after these seconds that it is gone."""
        self._is_left = self.is_lost = True
        if self._transaction is None and not seconds:
            self._ended()
        else:
            self._server.world.at(self._server.world.time() + seconds, self._ended)

    def kill(self) -> None:
        """The server ends the session."""
        self.is_lost = self._is_left = True
        if self._work is not None:
            self._work.close()
        if self._is_busy:
            self._done(psycopg.errors.AdminShutdown("terminating connection due to administrator command"))
        self._ended()

    def _ended(self) -> None:
        if not self._is_busy:
            self.rollback()
            self._server.sessions.pop(self, None)

    def _begin(self, queries: Sequence[Query[Any]], *, ends: bool) -> None:
        if self._is_busy:
            self._work = self._serve(queries, ends=ends)
            self._go_on()

    def _go_on(self) -> None:
        """Execute until the end, or until another transaction has to end first."""
        world = self._server.world
        if self._work is None:  # killed meanwhile
            return
        try:
            owner: Transaction = self._work.send(None)
        except StopIteration as end:
            self._done(end.value)
        except psycopg.Error as error:
            self._done(error)
        except Exception as mistake:  # noqa: BLE001 - of the double: it must not look like a fault of the server
            world.mistakes.append(mistake)
            self._done(mistake)
        else:
            owner.then(lambda: world.at(world.time(), self._go_on))

    def _done(self, result: list[Rows] | Exception) -> None:
        """Send the answer."""
        self._work, self._is_busy = None, False
        if isinstance(result, Exception) and self._transaction is not None:
            self._transaction.end()
            self._transaction, self._has_failed = None, True
        if self._is_left:
            self._ended()
        answer, world = self._answer, self._server.world
        if answer is not None:
            world.at(world.time() + world.way(), lambda: self._arrived(answer, result))

    def _arrived(self, answer: asyncio.Future[list[Rows]], result: list[Rows] | Exception) -> None:
        if answer.done():
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        elif self.is_lost:
            answer.set_exception(psycopg.OperationalError(_GONE))
        else:
            answer.set_result(result)

    async def _serve(self, queries: Sequence[Query[Any]], *, ends: bool) -> list[Rows]:
        self._break(Fault.STATEMENT_LOST)
        found = [await self._execute(query) for query in queries]
        self._break(Fault.TRANSACTION_LOST)
        if ends:
            self._commit()
        return found

    async def _execute(self, query: Query[Any]) -> Rows:
        if self._has_failed:
            raise psycopg.errors.InFailedSqlTransaction("current transaction is aborted")
        if self._transaction is None:
            self._transaction = Transaction(self._server.tables)
        return await STATEMENTS[query.statement.name](self._transaction, query.arguments)

    def _commit(self) -> None:
        faults = self._server.world.faults
        if faults.strikes(Fault.COMMIT_REFUSED):
            raise psycopg.errors.DiskFull("could not extend file: No space left on device")
        if self._transaction is None:
            return
        has_written = self._transaction.has_written
        self._transaction.commit()
        self._transaction = None
        if has_written and faults.strikes(Fault.POWER_CUT):
            self._server.world.power_cut()
        if has_written:
            self._break(Fault.ANSWER_LOST)

    def _break(self, fault: Fault) -> None:
        if self._server.world.faults.strikes(fault):
            self.is_lost = self._is_left = True
            raise psycopg.OperationalError(_GONE)
