"""Problems of devices: the rules of `core.problems` find and end them, for all devices at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from decoders import Device
from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.problems import RULES, Facts, Limits, Problem, judged
from parking_gateway.decoding import codecs
from parking_gateway.store import device_facts, lost, outgoing, problems
from parking_gateway.store.database import Database
from parking_gateway.store.device_facts import PAGE
from parking_gateway.store.problems import Begun, Change

MOST_NOTICES: Final = 100
"""Notices of one kind and round that name one device each. Of all others together there is one."""
_DAY: Final = timedelta(days=1)
_NOTICES: Final = {
    Problem.UNDECODABLE: NoticeKind.UNDECODABLE,
    Problem.FAULT: NoticeKind.FAULT,
    Problem.TAMPER: NoticeKind.TAMPER,
    Problem.STUCK: NoticeKind.STUCK,
    Problem.BATTERY_LOW: NoticeKind.BATTERY_LOW,
}
"""The other problems have notices from where they begin, or concern the register."""


async def go(database: Database, moment: Moment) -> Committed:
    """Judge all devices, a page at a time, and count the problems."""
    limits = await limits_of(database, moment)
    async with database.connect() as connection:
        undecodable, losses = await connection.commit_together(
            device_facts.undecodable(limits, now=moment.now), lost.lossy(moment.now - _DAY)
        )
    notices: list[Notice] = []
    after: DevEui | None = None
    while True:
        async with database.connect() as connection:
            (page,) = await connection.commit_together(
                device_facts.page(
                    limits,
                    profiles=moment.profiles,
                    undecodable=undecodable,
                    losses=losses,
                    after=after,
                )
            )
        details = partial(_details, {one.dev_eui: one for one in page})
        notices += await write(database, changes(page, limits), moment, details=details)
        if len(page) < PAGE:
            break
        after = page[-1].dev_eui
    async with database.connect() as connection:
        counts, contacts = await connection.commit_together(problems.counts(), problems.contacts())
    return Committed(notices=notices, device_problems=counts, device_contacts=contacts)


def changes(page: Iterable[Facts], limits: Limits) -> list[Change]:
    """What has begun and ended by the rules, of devices where anything has."""
    found = []
    for one in page:
        now = judged(one, limits)
        begun, ended = now - one.problems, (one.problems - now) & RULES.keys()
        if begun or ended:
            found.append(Change(one.dev_eui, begun, ended))
    return found


async def write(
    database: Database, changes: Sequence[Change], moment: Moment, *, details: Callable[[Begun], dict[str, Any]]
) -> list[Notice]:
    """Write the changes, and notices of what has begun."""
    if not changes:
        return []
    async with database.connect() as connection:
        (begun,) = await connection.together(problems.change(changes))
        notices = [*_notices(begun, moment, details)]
        await connection.commit_together(outgoing.send(notices))
    return notices


async def limits_of(database: Database, moment: Moment) -> Limits:
    """The thresholds of the configuration, and the volts that codecs declare."""
    config, found = moment.devices, await moment.codecs.look(database, now=moment.now)
    return Limits(
        battery_percent=config.battery_low_percent,
        battery_volts=_volts(found, config.battery_low_volts),
        fault_ends_after=config.fault_ends_after,
        undecodable_frames=config.undecodable_frames,
        uplinks_lost=config.uplinks_lost,
        uplinks_lost_share=config.uplinks_lost_share,
        stuck_after=config.stuck_after,
        stuck_factors=config.stuck_factors,
    )


def _volts(found: Mapping[str, Device], chosen: Mapping[str, float]) -> dict[str, float]:
    """The limits by the names of codecs as the database has them: the chosen one of any spelling of the name, else the declared one."""
    limits = {codecs.normal(name): volts for name, volts in chosen.items()}
    for name, device in found.items():
        volts = limits.get(codecs.normal(name), device.low_battery_volts)
        if volts is not None:
            limits[name] = volts
    return limits


def _notices(begun: Sequence[Begun], moment: Moment, details: Callable[[Begun], dict[str, Any]]) -> Iterator[Notice]:
    """A notice for each device, and one with the number of the others where they are too many."""
    for problem, kind in _NOTICES.items():
        devices = [one for one in begun if one.problem is problem]
        for one in devices[:MOST_NOTICES]:
            yield Notice(kind=kind, at=moment.now, space=one.space, dev_eui=one.dev_eui, details=details(one))
        if len(devices) > MOST_NOTICES:
            yield Notice(kind=kind, at=moment.now, details={"devices": len(devices) - MOST_NOTICES})


def _details(page: Mapping[DevEui, Facts], begun: Begun) -> dict[str, Any]:
    facts = page[begun.dev_eui]
    match begun.problem:
        case Problem.FAULT:
            return {"fault": facts.fault}
        case Problem.BATTERY_LOW:
            return {"percent": facts.battery_percent, "volts": facts.battery_volts}
        case Problem.UNDECODABLE:
            return {"frames": facts.undecodable}
        case _:
            return {}
