"""The database of a command. It is opened for one piece of work; a failure becomes a sentence and status 1."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

from parking_gateway.cli.shown import show_errors, show_remark
from parking_gateway.process import signals

if TYPE_CHECKING:
    from parking_gateway.decoding.decoder import Decoder
    from parking_gateway.process.config import Config, ConfigError
    from parking_gateway.store.database import Connection
    from parking_gateway.store.pool import Pool
    from parking_gateway.store.query import Query

Result = TypeVar("Result")


def fail(*sentences: str) -> NoReturn:
    """Print why the command failed, and end it with status 1."""
    show_errors(sentences)
    raise typer.Exit(1)


def bytes_of(file: Path) -> bytes:
    """The content of a file that a command was given. Without it, the command fails."""
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")


def decoder(config: "Config") -> "Decoder":
    """The decoder of the configuration. Where the configuration has mistakes, the command ends with status 78."""
    from parking_gateway.decoding import codecs  # noqa: PLC0415 - heavy
    from parking_gateway.gateway.opening import decoder_of  # noqa: PLC0415 - as above
    from parking_gateway.process.config import ConfigError  # noqa: PLC0415 - as above

    codecs.remember_unloadable()
    try:
        return decoder_of(config)
    except ConfigError as error:
        _end_as_misconfigured(error)


def _end_as_misconfigured(error: "ConfigError") -> NoReturn:
    show_errors(error.mistakes)
    raise typer.Exit(os.EX_CONFIG) from None


def transact(config: "Config", work: Callable[["Connection"], Awaitable[Result]]) -> Result:
    """Do the work in one transaction on a database with our schema. The work may roll back."""

    async def in_transaction(pool: "Pool") -> Result:
        from parking_gateway.store import schema  # noqa: PLC0415 - as above

        async with pool.connect() as connection:
            await schema.require_current(connection)
            result = await work(connection)
            await connection.commit_together()
            return result

    return with_database(config, in_transaction)


def work_on(config: "Config", work: Callable[["Pool"], Awaitable[Result]]) -> Result:
    """Do work of several transactions on a database with our schema."""

    async def checked(pool: "Pool") -> Result:
        from parking_gateway.store import schema  # noqa: PLC0415 - as above

        async with pool.connect() as connection:
            await schema.require_current(connection)
            await connection.rollback()
        return await work(pool)

    return with_database(config, checked)


def name_database(config: "Config") -> None:
    """Print on standard error which database a command works with."""
    from parking_gateway.process.config.shown import database_name  # noqa: PLC0415 - as above

    if config.database.is_set:
        show_remark(f"Database: {database_name(config)}")


def query_once(config: "Config", query: "Query[Result]") -> Result:
    """The answer of one query on a database with our schema."""

    async def ask(connection: "Connection") -> Result:
        (found,) = await connection.together(query)
        return found

    return transact(config, ask)


def with_database(config: "Config", work: Callable[["Pool"], Awaitable[Result]]) -> Result:
    """Do the work with a pool on the configured database, whose name is printed on standard error first."""
    from parking_gateway.gateway.opening import database  # noqa: PLC0415 - as above
    from parking_gateway.process.config import ConfigError  # noqa: PLC0415 - as above
    from parking_gateway.store.embedded import EmbeddedFailed  # noqa: PLC0415 - as above
    from parking_gateway.store.schema import SchemaMismatch  # noqa: PLC0415 - as above
    from parking_gateway.store.verdicts import FAILURES, Verdict, diagnosis_of  # noqa: PLC0415 - as above

    name_database(config)

    async def open_and_work() -> Result:
        async with database(config) as pool:
            return await work(pool)

    try:
        return signals.run(open_and_work())
    except (SchemaMismatch, EmbeddedFailed) as failure:
        fail(str(failure))
    except ConfigError as error:
        _end_as_misconfigured(error)
    except BrokenPipeError:
        # It is standard output, whose reader has enough; of a database, psycopg raises its own errors. Click ends quietly on it.
        raise
    except FAILURES as error:
        answer = diagnosis_of(error)
        if answer.verdict is Verdict.BUG and answer.state is None:
            raise
        fail(f"The database cannot be used: {answer.sentence}")
