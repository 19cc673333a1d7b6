"""All checks, side by side: gateway, broker and database. Each group has a deadline, after which it is unknown."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from parking_gateway.cli.doctor.addresses import examine_addresses, tried
from parking_gateway.cli.doctor.alerts import examine_alerts
from parking_gateway.cli.doctor.devices import Finding, examine
from parking_gateway.cli.doctor.encryption import examine_encryption
from parking_gateway.cli.doctor.indicators import examine_indicators
from parking_gateway.cli.doctor.months import examine_months
from parking_gateway.cli.doctor.network_server import examine_network_server, senders
from parking_gateway.cli.doctor.promises import examine_promises
from parking_gateway.cli.doctor.running import (
    Running,
    examine_gateway,
    examine_journal,
    look,
    newest,
    with_what_it_received,
)
from parking_gateway.cli.doctor.servers import examine_servers
from parking_gateway.cli.doctor.session import examine_queue, examine_session, examine_subscriptions, untried_queue
from parking_gateway.cli.doctor.storage import examine_journal_disk, examine_server, examine_spaces
from parking_gateway.cli.doctor.surroundings import (
    Check,
    examine_broker,
    examine_clocks,
    examine_database,
    examine_names,
)
from parking_gateway.core.wording import counted
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.gateway.opening import database
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.store import diagnosis, fleet, lost, recovery
from parking_gateway.store.database import Connection
from parking_gateway.store.embedded import EmbeddedFailed
from parking_gateway.store.pool import Pool
from parking_gateway.store.schema import SchemaMismatch
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_LATELY: Final = timedelta(days=1)
DEADLINE: Final = timedelta(seconds=20)
"""For each group of checks."""
_EXAMPLES: Final = 3


async def examine_all(config: Config, decoder: Decoder, *, listen: timedelta, tries_queue: bool) -> list[Check]:
    """Every check, in the order in which a person reads them."""
    (running, of_broker), of_database = await asyncio.gather(
        _seen_at_broker(config, listen=listen, tries_queue=tries_queue),
        _of_database_and_network_server(config, decoder),
    )
    now = datetime.now(UTC)
    return [
        *examine_names(config),
        *examine_encryption(config),
        *examine_gateway(running, config, now=now),
        *with_what_it_received(of_broker, running, now=now),
        *examine_journal(running, now=now),
        *examine_journal_disk(config),
        *of_database,
    ]


async def examine_devices(connection: Connection, decoder: Decoder, config: Config) -> list[Finding]:
    """The faults of all devices."""
    now = datetime.now(UTC)
    since = now - _LATELY
    known, refused, losses = await connection.together(
        fleet.listed(), diagnosis.refused(since=since), lost.lossy(since)
    )
    return list(examine(known, refused, losses, decoder=decoder, config=config, now=now))


async def _seen_at_broker(config: Config, *, listen: timedelta, tries_queue: bool) -> tuple[Running, list[Check]]:
    """The gateway as it is seen from outside, and the checks of the broker."""
    found = await tried(config.mqtt, deadline=DEADLINE)
    usable = [one.here for one in found if one.error is None]
    # A broker that did not answer gets a short second chance, in which a refusal shows its reason.
    limit = DEADLINE if usable else DEADLINE / 5
    each = [config.model_copy(update={"mqtt": here}) for here in usable or [found[0].here]]
    running, of_broker = await asyncio.gather(
        _looked(each, limit),
        _within(limit + listen, "broker", _of_broker(each[0], listen=listen, tries_queue=tries_queue)),
    )
    return running, [*examine_addresses(found), *of_broker]


async def _within(limit: timedelta, about: str, checks: Awaitable[list[Check]]) -> list[Check]:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await checks
    except TimeoutError:
        return [Check(about=about, detail="it did not answer in time, and was not checked", is_judged=False)]


async def _looked(each: Sequence[Config], limit: timedelta) -> Running:
    """The gateway as it is seen at the broker, of several at the one where its health is the newest."""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return newest(await asyncio.gather(*map(look, each)))
    except TimeoutError:
        return Running(is_broker_asked=False)


async def _of_broker(config: Config, *, listen: timedelta, tries_queue: bool) -> list[Check]:
    checks = await examine_broker(config, listen=listen)
    if checks[0].verdict == "wrong":
        return [*checks, _not_checked("broker", "events, topics, retained messages, session and queue")]
    checks += await examine_promises(config)
    checks.append(await examine_session(config))
    checks.append(await examine_queue(config) if tries_queue else untried_queue())
    return checks


def _not_checked(about: str, what: str) -> Check:
    return Check(about=about, detail=f"its {what} were not checked", is_judged=False)


async def _of_database_and_network_server(config: Config, decoder: Decoder) -> list[Check]:
    """The network server has a deadline of its own, so that a database that does not answer is still named."""
    checks = await _within(DEADLINE, "database", _of_database(config, decoder))
    if all(check.about != "network server" for check in checks):
        checks.append(await examine_network_server(config.chirpstack, [], since=datetime.now(UTC) - _LATELY))
    return checks


async def _of_database(config: Config, decoder: Decoder) -> list[Check]:
    try:
        async with database(config) as pool:
            checks = await examine_database(pool, decoder)
            if checks[0].verdict == "fine":
                return [*checks, *await examine_servers(pool), *await _of_content(pool, config, decoder)]
    except ConfigError as error:
        checks = [_unusable(" ".join(error.mistakes))]
    except (EmbeddedFailed, SchemaMismatch) as failure:
        checks = [_unusable(str(failure))]
    except FAILURES as error:
        checks = [_unusable(diagnosis_of(error).sentence)]
    return [*checks, _not_checked("database", "durability, clocks, subscriptions, spaces and devices")]


def _unusable(sentence: str) -> Check:
    return Check(about="database", detail=sentence, fix="Follow this message, or correct the section [database]")


async def _of_content(pool: Pool, config: Config, decoder: Decoder) -> list[Check]:
    """What the database holds. All checks at a time, each with a connection of its own: a locked table costs one of them."""
    works: dict[str, Callable[[Connection], Awaitable[list[Check]]]] = {
        "durability": examine_server,
        "subscriptions": partial(examine_subscriptions, config=config),
        "spaces": examine_spaces,
        "alerts": partial(examine_alerts, config=config),
        "indicators": partial(examine_indicators, config=config),
        "devices": partial(_of_devices, decoder=decoder, config=config),
        "network server": partial(_of_network_server, config=config),
    }
    now = datetime.now(UTC)
    found = await asyncio.gather(
        *(_asked(pool, about, work) for about, work in works.items()),
        examine_clocks(pool, since=now - _LATELY),
        examine_months(pool, config, now=now),
    )
    return [check for checks in found for check in checks]


async def _asked(pool: Pool, about: str, work: Callable[[Connection], Awaitable[list[Check]]]) -> list[Check]:
    try:
        async with pool.connect() as connection:
            return await work(connection)
    except FAILURES as error:  # such as a table that another session has locked
        detail = f"it cannot be asked: {diagnosis_of(error).sentence}"
        return [Check(about=about, detail=detail, is_judged=False)]


async def _of_devices(connection: Connection, *, decoder: Decoder, config: Config) -> list[Check]:
    """One check for each kind of fault that devices have."""
    # A device with several sensors has a finding for each, and is one device.
    found: dict[str, dict[str, None]] = {}
    for one in await examine_devices(connection, decoder, config):
        found.setdefault(one.problem, {})[one.dev_eui] = None
    if not found:
        (known,) = await connection.together(recovery.devices())
        if not known:
            return [Check(about="devices", detail="none is known yet", is_judged=False)]
        return [Check(about="devices", detail=f"nothing is wrong with any of {len(known):,}")]
    return [
        Check(
            about="devices",
            detail=f"{counted(len(devices), 'device')} {problem}: {', '.join(list(devices)[:_EXAMPLES])}{', …' * (len(devices) > _EXAMPLES)}",
            fix="parking-gateway doctor --devices",
        )
        for problem, devices in found.items()
    ]


async def _of_network_server(connection: Connection, *, config: Config) -> list[Check]:
    since = datetime.now(UTC) - _LATELY
    return [await examine_network_server(config.chirpstack, await senders(connection, since=since), since=since)]
