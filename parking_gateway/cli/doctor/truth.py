"""What sensors have reported, compared with what people have seen: right, wrong and missed, by device and by codec."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

import msgspec

from parking_gateway.cli.doctor.devices import allowed_silence
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.store import fleet, truths
from parking_gateway.store.database import Connection
from parking_gateway.store.truths import Report

_EXAMPLES: Final = 10
_EXAMPLES_OF_ONE: Final = 3


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How often a device, or all devices of a codec, reported what people have seen."""

    device: str | None = None
    """None: of all devices of the codec. Several sensors decide their space together, so they are one line."""
    space: str | None = None
    codec: str | None
    observed: bool
    """Whether it changed nothing of its space then."""
    right: int
    wrong: int
    missed: int
    """Nothing was reported yet, or the device was silent for too long."""
    right_percent: float
    wrong_percent: float
    missed_percent: float


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A truth that a device contradicts."""

    space: str
    at: datetime
    occupied: bool
    """What the person has seen."""
    device: str
    codec: str | None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison with all truths."""

    truths: int = 0
    devices: list[Score] = []
    """The worst first."""
    codecs: list[Score] = []
    wrong: list[Example] = []
    """Examples of the devices that are wrong most often."""


async def compare_with_truth(connection: Connection, decoder: Decoder, config: Config) -> Compared:
    """Compare every sensor with the truths of its space. A device may be silent for as long as the gateway allows it."""
    (known,) = await connection.together(fleet.listed())
    allowed = {
        (one.identity.dev_eui, one.installation.channel): allowed_silence(one, one.installation, decoder, config.clock)
        for one in known
        if one.installation is not None
    }
    (reports,) = await connection.together(truths.reports(allowed, default=config.clock.lost_after))
    return compared(reports)


def compared(reports: Iterable[Report]) -> Compared:
    """Count the reports. Pure."""
    merged = list(_together(reports))
    devices = _scores(merged, key=attrgetter("device", "space", "codec", "observed"))
    return Compared(
        truths=len({(one.space, one.at) for one in merged}),
        devices=devices,
        codecs=[
            msgspec.structs.replace(one, device=None, space=None)
            for one in _scores(merged, key=attrgetter("codec", "observed"))
        ],
        wrong=list(_examples(merged, devices)),
    )


class _Merged(msgspec.Struct, frozen=True, kw_only=True):
    """A report of one observed sensor, or of all sensors that decide a space."""

    device: str
    space: str
    codec: str | None
    observed: bool
    at: datetime
    occupied: bool
    reported: bool | None


def _together(reports: Iterable[Report]) -> Iterable[_Merged]:
    of_truth: Callable[[Report], tuple[str, datetime]] = attrgetter("space", "at")
    for _, found in groupby(reports, key=of_truth):
        every = list(found)
        yield from (_merged([one]) for one in every if one.is_observed)
        if sensors := [one for one in every if not one.is_observed]:
            yield _merged(sensors)


def _merged(sensors: list[Report]) -> _Merged:
    reported = next((one.reported for one in sensors if one.reported is not None), None)
    return _Merged(
        device=" + ".join(f"{one.dev_eui}/{one.channel}" if one.channel else one.dev_eui for one in sensors),
        space=sensors[0].space,
        codec=" + ".join(dict.fromkeys(one.codec for one in sensors if one.codec)) or None,
        observed=sensors[0].is_observed,
        at=sensors[0].at,
        occupied=sensors[0].is_occupied,
        reported=None if reported is None else reported == "occupied",
    )


def _scores(reports: Iterable[_Merged], *, key: Callable[[_Merged], tuple[object, ...]]) -> list[Score]:
    by_key: dict[tuple[object, ...], list[_Merged]] = {}
    for one in reports:
        by_key.setdefault(key(one), []).append(one)
    found = [_score(each) for each in by_key.values()]
    return sorted(found, key=lambda one: (one.right_percent, -one.wrong, one.codec or "", one.device or ""))


def _score(reports: list[_Merged]) -> Score:
    right = sum(one.reported is one.occupied for one in reports)
    missed = sum(one.reported is None for one in reports)
    wrong = len(reports) - right - missed
    right_percent, wrong_percent, missed_percent = (
        round(100 * number / len(reports), 1) for number in (right, wrong, missed)
    )
    first = reports[0]
    return Score(
        device=first.device,
        space=first.space,
        codec=first.codec,
        observed=first.observed,
        right=right,
        wrong=wrong,
        missed=missed,
        right_percent=right_percent,
        wrong_percent=wrong_percent,
        missed_percent=missed_percent,
    )


def _examples(reports: Iterable[_Merged], devices: Iterable[Score]) -> Iterable[Example]:
    wrong = [one for one in reports if one.reported is not None and one.reported is not one.occupied]
    found = [
        one
        for score in sorted(devices, key=lambda one: -one.wrong)
        for one in [each for each in wrong if (each.device, each.space) == (score.device, score.space)][
            :_EXAMPLES_OF_ONE
        ]
    ]
    for one in list(dict.fromkeys(found))[:_EXAMPLES]:
        yield Example(space=one.space, at=one.at, occupied=one.occupied, device=one.device, codec=one.codec)
