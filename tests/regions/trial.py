"""The trial: the pictures come together, a rush hour, and one region's database away. And what it all takes."""

import time
from functools import partial

import msgspec
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.meter import Processor, peak_bytes, seconds_of
from tests.regions.rig import Region, Rig
from tests.whole_gateway import unavailable


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial found."""

    regions: int
    spaces: int
    """Of all regions."""
    prepared: float
    """Seconds of the slowest `regions prepare`."""
    ready: float
    """Seconds from the start of all gateways until the last one is ready."""
    complete: float
    """Seconds from the start until the central broker has the picture of all regions."""
    uplinks: int
    rate: int
    """Uplinks a second that were asked for."""
    seconds: float
    """For which the rush hour lasted."""
    behind: float
    """Seconds from the last uplink of the rush hour until all were recorded."""
    undisturbed: float
    """The same of the other regions while one database was away."""
    back: float
    """Seconds from the return of that database until its region had recorded everything."""
    gateway_cores: list[float]
    """CPU of each gateway in the rush hour."""
    shared_cores: float
    central_cores: float
    database_cores: float
    gateway_bytes: list[int]
    """The peak memory of each gateway."""
    shared_bytes: int
    central_bytes: int
    differences: list[str]


async def run(rig: Rig, *, rate: int, seconds: float, away: float, server: int) -> Outcome:
    """Run the trial. `server` is the process of PostgreSQL, `away` the seconds for which one database is away."""
    began = time.monotonic()
    ready = rig.start()
    rig.wait(partial(_all_published, rig.regions), "publications of everything", seconds=400)
    rig.come_together()
    complete = time.monotonic() - began
    before = _cores(rig, server)
    began = time.monotonic()
    await rig.load(rate, seconds)
    lasted = time.monotonic() - began
    used = [(now - then) / lasted for now, then in zip(_cores(rig, server), before, strict=True)]
    behind = rig.wait(partial(_all_recorded, rig.regions), "all uplinks of the rush hour")
    undisturbed, back = await _without_one(rig, rate=rate, seconds=away)
    rig.wait(partial(_all_published, rig.regions), "publications of all changes")
    rig.come_together()
    return Outcome(
        regions=len(rig.regions),
        spaces=sum(one.spaces for one in rig.regions),
        prepared=max(rig.prepared),
        ready=ready,
        complete=complete,
        uplinks=sum(len(one.sent) for one in rig.regions),
        rate=rate,
        seconds=lasted,
        behind=behind,
        undisturbed=undisturbed,
        back=back,
        gateway_cores=used[3:],
        shared_cores=used[0],
        central_cores=used[1],
        database_cores=used[2],
        gateway_bytes=[peak_bytes(one.pid) or 0 for one in rig.regions],
        shared_bytes=_peak(rig.shared.pid),
        central_bytes=_peak(rig.central.pid),
        differences=[sentence for one in rig.regions for sentence in one.differences(rig.central.port)],
    )


async def _without_one(rig: Rig, *, rate: int, seconds: float) -> tuple[float, float]:
    """Let one database be away under load."""
    victim, *others = rig.regions
    async with unavailable(make_conninfo(rig.admin, dbname=conninfo_to_dict(victim.url)["dbname"])):
        await rig.load(rate, seconds)
        rig.wait(lambda: victim.missing() == ["database"], "a region that reports its database as missing")
        undisturbed = rig.wait(partial(_all_recorded, others), "uplinks of the other regions")
        assert all(one.missing() == [] for one in others), "another region is not ready"
    return undisturbed, rig.wait(partial(_all_recorded, [victim]), "the uplinks of the region whose database was away")


def _all_recorded(regions: list[Region]) -> bool:
    return all(one.has_recorded_all() for one in regions)


def _all_published(regions: list[Region]) -> bool:
    return all(one.has_published_all() for one in regions)


def _cores(rig: Rig, server: int) -> list[float]:
    """CPU seconds so far: both brokers, PostgreSQL with its children, each gateway."""
    shared, central = rig.shared.pid, rig.central.pid
    assert shared is not None
    assert central is not None
    used = Processor.now(loops=[], broker=shared, database=server, watcher=0)
    return [used.broker, seconds_of(central), used.database, *(seconds_of(one.pid) for one in rig.regions)]


def _peak(pid: int | None) -> int:
    return 0 if pid is None else peak_bytes(pid) or 0
