"""The requests of a command: the same verbs that can be requested over MQTT, carried out here by the same code."""

import getpass
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from parking_gateway.cli.opened import decoder, fail, transact

if TYPE_CHECKING:
    from parking_gateway.process.config import Config
    from parking_gateway.requests.desk import Answer, Desk, Refusal
    from parking_gateway.store.database import Connection

PLACE: Final = ("site", "zone", "space")
"""The names in a place, from left to right."""


def ask(config: "Config", verb: str, parameters: Mapping[str, Any]) -> "Answer":
    """Carry out a request in one transaction, by the user of this machine. A refusal ends the command with its sentence."""
    from parking_gateway.requests.answering import answer  # noqa: PLC0415 - heavy

    given = {name: value for name, value in parameters.items() if value is not None}
    return carry_out(config, lambda desk: answer(desk, verb, given))


def carry_out(
    config: "Config", work: Callable[["Desk"], Awaitable["Answer | Refusal"]], *, dry_run: bool = False
) -> "Answer":
    """Work at a desk in one transaction, by the user of this machine. A refusal ends the command with its sentence."""
    from parking_gateway.requests.desk import Desk, Refusal, requester  # noqa: PLC0415 - heavy

    reader = decoder(config)

    async def at_desk(connection: "Connection") -> "Answer | Refusal":
        desk = Desk(
            connection=connection,
            now=datetime.now(UTC),
            by=requester(_user()),
            decoder=reader,
            downlinks=config.downlinks,
        )
        outcome = await work(desk)
        if dry_run or isinstance(outcome, Refusal):
            await connection.rollback()
        return outcome

    outcome = transact(config, at_desk)
    if isinstance(outcome, Refusal):
        fail(outcome.message if outcome.message.endswith("?") else f"{outcome.message}.")
    return outcome


def place_of(text: str) -> dict[str, str]:
    """The site, zone and space that `SITE[/ZONE[/SPACE]]` names. Else the command fails."""
    names = text.split("/")
    if len(names) > len(PLACE) or not all(names):
        fail(f"{text!r} names no place: write SITE, SITE/ZONE or SITE/ZONE/SPACE.")
    return dict(zip(PLACE, names, strict=False))


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return None
