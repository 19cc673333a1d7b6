"""Puts a year together: the city, its ledger, the machines and the conductor."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import psycopg

from tests.plugins.daemon import end_of
from tests.year.city import DAY, HOUR, zones_of
from tests.year.conductor import SLICE, Conductor, Faults, Wrong
from tests.year.ledger import Ledger
from tests.year.life import Life, Plan
from tests.year.machines import machines_in
from tests.year.page import Result, versions_of
from tests.year.staff import GRACE

__all__ = ["Options", "Wrong", "played"]

_LOST_AFTER: Final = 1.75
"""Heartbeats."""
_MARKET: Final = 50
"""Spaces of the market place."""
_ZONE: Final = 1000
_LATEST: Final = 20 * HOUR
_SERVICE_LIFE: Final = 3000
"""Days that a sensor works on average."""
WEEKLY: Final = Faults(restart_every=7, failover_days=frozenset({15}), broker_days=frozenset({20}))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How large and how long the city is."""

    spaces: int
    days: int
    most_seconds: float
    """Of real time. Then it ends with the day, and what was simulated is compared."""
    cars_per_day: float
    heartbeat_hours: float
    seed: int = 1
    faults: Faults = WEEKLY


def played(options: Options, *, command: str, say: Callable[[str], None]) -> Result:
    """Play it. Raises Wrong."""
    heartbeat = round(options.heartbeat_hours * HOUR)
    lost_after = round(heartbeat * _LOST_AFTER)
    zones = zones_of(options.spaces, market=min(_MARKET, options.spaces // 10), zone_spaces=_ZONE)
    ledger = Ledger(zones, options.days)
    plan = Plan(
        days=options.days,
        cars_per_day=options.cars_per_day,
        heartbeat=heartbeat,
        lost_after=lost_after,
        # A heartbeat that comes late, in a slice that the clock has begun with its end, is no silence.
        latest=min(_LATEST, lost_after - heartbeat - (SLICE + 1) * HOUR),
        # Ten deaths a day at most: after a restart, those of a week are noticed at once, and beyond 100 they share a notice.
        service_life=max(_SERVICE_LIFE, options.spaces // 10),
        # As the conductor has it.
        last_death=options.days * DAY - lost_after - (options.faults.restart_every + 1) * DAY,
    )
    life = Life(zones, plan, ledger, seed=options.seed)
    settings = {
        "CLOCK__LOST_AFTER": str(lost_after),
        "RESERVATIONS__GRACE": str(int(GRACE.total_seconds())),
        # So no batch is large: in the seconds after one nobody is judged, and they would be days here. What is received while a
        # batch is acknowledged comes on top of the maximum: a batch can have some 2,500. Large is a quarter of the size.
        "INTAKE__BATCH_SIZE": "16000",
        "MQTT__RECEIVE_MAXIMUM": "900",
    }
    # PostgreSQL's user has to be able to read it.
    with TemporaryDirectory(prefix="parking-year-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with machines_in(folder, zones, settings) as machines:
            with psycopg.connect(machines.url) as connection:
                server = connection.info.parameter_status("server_version") or ""
            conductor = Conductor(machines, life, ledger, options.faults, say)
            began = time.monotonic()
            try:
                asyncio.run(conductor.play(within=options.most_seconds))
            except BaseException:
                say(end_of(machines.gateway.log))
                raise
            return Result(
                spaces=options.spaces,
                days=conductor.days,
                minutes=(time.monotonic() - began) / 60,
                versions=versions_of(machines.broker.name, server),
                command=command,
                done=conductor.times | _happened(ledger),
            )


def _happened(ledger: Ledger) -> dict[str, int]:
    held: dict[str, int] = {}
    for (_, outcome), times in ledger.reservations.items():
        held[outcome] = held.get(outcome, 0) + times
    return {
        "uplinks published twice": ledger.happened["twice"],
        "uplinks that came hours late": ledger.happened["late"],
        "sensors that died, each reported once": len(ledger.silent),
        "sensors replaced": ledger.happened["replaced"],
        "spaces in maintenance": ledger.happened["closed"],
        "reservations kept": held.get("completed", 0),
        "reservations without a car": held.get("no_show", 0),
        "stays": sum(ledger.departures),
        "stays that were too long, each reported once": sum(map(len, ledger.overstays.values())),
    }
