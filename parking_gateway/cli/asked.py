"""The requests of a command: the same verbs that can be requested over MQTT, carried out here by the same code."""

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from parking_gateway.cli.opened import decoder, fail, transact

if TYPE_CHECKING:
    from parking_gateway.process.config import Config
    from parking_gateway.requests.desk import Answer, Refusal
    from parking_gateway.store.database import Connection

PLACE: Final = ("site", "zone", "space")
"""The names in a place, from left to right."""


def ask(config: "Config", verb: str, parameters: Mapping[str, Any]) -> "Answer":
    """Carry out a request in one transaction, by the user of this machine. A refusal ends the command with its sentence."""
    from parking_gateway.requests.answering import answer  # noqa: PLC0415 - heavy
    from parking_gateway.requests.desk import Desk, Refusal, requester  # noqa: PLC0415 - as above

    reader = decoder(config)
    given = {name: value for name, value in parameters.items() if value is not None}

    async def work(connection: "Connection") -> "Answer | Refusal":
        desk = Desk(
            connection=connection,
            now=datetime.now(UTC),
            by=requester(_user()),
            decoder=reader,
            downlinks=config.downlinks,
        )
        outcome = await answer(desk, verb, given)
        if isinstance(outcome, Refusal):
            await connection.rollback()
        return outcome

    outcome = transact(config, work)
    if isinstance(outcome, Refusal):
        fail(f"{outcome.message}.")
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
