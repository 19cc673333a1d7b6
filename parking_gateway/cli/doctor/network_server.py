"""The check of ChirpStack's API, from which lost events are fetched: is it there, and what may the key read."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.events import DevEui
from parking_gateway.core.wording import counted
from parking_gateway.intake.memory import Memory, opened
from parking_gateway.intake.refusals import Refused, Unanswered
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.store import recovery
from parking_gateway.store.database import Connection

_LIMIT_SECONDS: Final = 10.0
_MARGIN: Final = timedelta(hours=1)
"""By which ChirpStack may date the last uplink of a device earlier than we do."""
_MOST_SENDERS: Final = 20
_MOST_ASKED: Final = 3
"""Devices whose stored events are asked for."""
_CORRECT: Final = "Correct the section [chirpstack], or the API of ChirpStack"
_NEW_KEY: Final = "Create a key for all tenants in ChirpStack (API keys), and set chirpstack.api_key to it"


async def senders(connection: Connection, *, since: datetime) -> list[DevEui]:
    """A device of each application that has sent since then."""
    (found,) = await connection.together(recovery.senders(since=since, most=_MOST_SENDERS))
    return found


async def examine_network_server(config: ChirpStackConfig, senders: Sequence[DevEui], *, since: datetime) -> Check:
    """List the devices and ask for stored events as healing does, and record none of them.

    `senders` have sent since then. Without any, a refused key is not judged: a key of one tenant may not list tenants, and
    a known device shows which tenant is its own.
    """
    if config.api_url is None:
        return _unknown("chirpstack.api_url is not set, so lost events are not fetched from ChirpStack")
    try:
        async with asyncio.timeout(_LIMIT_SECONDS), opened(config) as memory:
            return await _tried(memory, senders, since)
    except TimeoutError:
        return _unknown(f"{config.api_url} did not answer within {_LIMIT_SECONDS:g} s")
    except Unanswered as failure:
        if isinstance(failure, Refused) and not senders:
            return _unknown(f"it cannot be judged before a device has sent: {failure}")
        return Check(about="network server", detail=str(failure), fix=_CORRECT)


async def _tried(memory: Memory, senders: Sequence[DevEui], since: datetime) -> Check:
    heard = await memory.heard(senders, since=since - _MARGIN)
    if hidden := [one for one in senders if one not in heard]:
        detail = f"its key does not show {', '.join(hidden)}, though our database has uplinks of the last day of it"
        return Check(about="network server", detail=detail, fix=_NEW_KEY)
    asked = list(islice(senders or heard, _MOST_ASKED))
    if not asked:
        return _unknown("it accepts chirpstack.api_key; stored events cannot be asked for before a device has sent")
    for dev_eui in asked:
        await memory.events(dev_eui, heard_at=heard[dev_eui])
    detail = f"its key shows {counted(len(heard), 'device')} of the last day, and the stored events of each one tried"
    return Check(about="network server", detail=detail)


def _unknown(detail: str) -> Check:
    return Check(about="network server", detail=detail, is_judged=False)
