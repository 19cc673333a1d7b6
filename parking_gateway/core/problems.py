"""Problems of devices: the rule that finds each, and the rule that ends it. Pure.

A device may have several. They are listed in the order of `Problem`, and the first one is published as the one word.

A rule that compares a value with a limit needs a better value to end than to begin. Without this, a battery at the limit
would be low with one uplink and good with the next.

    problem        begins                                          ends
    silent         no uplink for `lost_after`                      with the next uplink
    unassigned     it watches no space and has no other task       when it has one
    no_codec       nobody chose a codec for it                     when somebody does
    undecodable    so many frames in a row cannot be decoded       with the first frame that can
    fault          the device reports a fault                      after a time of uplinks without it
    tamper         the device reports that it was moved            when it reports the opposite, or as a fault
    clock          its uplinks count as older by a wrong clock     with the next uplink that counts
    stuck          its neighbours changed often, and it did not    with the next change
    battery_low    percent or volts are at the limit               well above the limit
    uplinks_lost   so many uplinks of a day are missing            at half of the limits
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import Contact, SpaceId


class Problem(StrEnum):
    """What is wrong with a device. The most severe is the first: while a problem lasts, those behind it matter less."""

    SILENT = "silent"
    UNASSIGNED = "unassigned"
    NO_CODEC = "no_codec"
    UNDECODABLE = "undecodable"
    FAULT = "fault"
    TAMPER = "tamper"
    CLOCK = "clock"
    STUCK = "stuck"
    BATTERY_LOW = "battery_low"
    UPLINKS_LOST = "uplinks_lost"


BATTERY_FAULT: Final = "battery low"
"""The fault of devices that report a low battery and no level."""
PERCENT_TO_END: Final = 5
"""Percent above the limit at which a low battery is good again."""
VOLTS_TO_END: Final = 0.1


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds of the rules."""

    battery_percent: int = 20
    battery_volts: Mapping[str, float] = {}
    """By codec. The volts of another codec's devices are not judged."""
    fault_ends_after: timedelta = timedelta(days=1)
    undecodable_frames: int = 3
    uplinks_lost: int = 3
    """In a day."""
    uplinks_lost_share: float = 0.1
    """Of the uplinks of a day."""
    stuck_after: timedelta = timedelta(hours=8)
    stuck_factors: Mapping[str, float] = {}
    """By the purpose of the space."""
    stuck_neighbours: int = 4
    """With fewer neighbours nothing can be compared."""


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is recorded of a device."""

    dev_eui: DevEui
    problems: frozenset[Problem] = frozenset()
    """Those that it has."""
    contact: Contact = Contact.LIVE
    is_assigned: bool = True
    has_codec: bool = True
    codec: str | None = None
    battery_percent: int | None = None
    battery_volts: float | None = None
    heard_at: datetime | None = None
    fault: str | None = None
    fault_at: datetime | None = None
    """When an uplink last reported it."""
    tamper: bool | None = None
    tamper_at: datetime | None = None
    undecodable: int = 0
    """Its last frames in a row that could not be decoded. They are counted up to the limit."""
    missing: int = 0
    """Uplinks of the last day, by frame counter."""
    recorded: int = 0
    """Uplinks of the last day."""


Rule = Callable[[Facts, Limits], bool]


def judged(facts: Facts, limits: Limits) -> frozenset[Problem]:
    """The problems that the device has by the rules of `RULES`."""
    return frozenset(problem for problem, rule in RULES.items() if rule(facts, limits))


def _is_silent(facts: Facts, _limits: Limits) -> bool:
    return facts.contact is Contact.LOST


def _is_unassigned(facts: Facts, _limits: Limits) -> bool:
    return not facts.is_assigned


def _has_no_codec(facts: Facts, _limits: Limits) -> bool:
    return facts.is_assigned and not facts.has_codec and facts.contact is not Contact.NEVER


def _is_undecodable(facts: Facts, limits: Limits) -> bool:
    needed = 1 if Problem.UNDECODABLE in facts.problems else limits.undecodable_frames
    return facts.is_assigned and facts.undecodable >= needed


def _has_fault(facts: Facts, limits: Limits) -> bool:
    return bool(_faults(facts, limits) - {BATTERY_FAULT})


def _is_tampered(facts: Facts, limits: Limits) -> bool:
    return facts.tamper is True and not _is_over(facts.tamper_at, facts, limits)


def _faults(facts: Facts, limits: Limits) -> set[str]:
    """Those of its last report, unless they are over."""
    return set() if facts.fault is None or _is_over(facts.fault_at, facts, limits) else set(facts.fault.split(", "))


def _is_over(reported_at: datetime | None, facts: Facts, limits: Limits) -> bool:
    """Whether uplinks came for long enough without the report. Silence ends nothing."""
    if reported_at is None or facts.heard_at is None:
        return False
    return facts.heard_at - reported_at >= limits.fault_ends_after


def _is_battery_low(facts: Facts, limits: Limits) -> bool:
    if BATTERY_FAULT in _faults(facts, limits):
        return True
    is_low = Problem.BATTERY_LOW in facts.problems
    if facts.battery_percent is not None:
        return facts.battery_percent <= limits.battery_percent + (PERCENT_TO_END if is_low else 0)
    lowest = limits.battery_volts.get(facts.codec or "")
    if facts.battery_volts is None or lowest is None:
        return False
    return facts.battery_volts <= lowest + (VOLTS_TO_END if is_low else 0)


def _loses_uplinks(facts: Facts, limits: Limits) -> bool:
    part = 0.5 if Problem.UPLINKS_LOST in facts.problems else 1.0
    is_many = facts.missing >= limits.uplinks_lost * part
    return is_many and facts.missing >= limits.uplinks_lost_share * part * (facts.missing + facts.recorded)


RULES: Final[Mapping[Problem, Rule]] = {
    Problem.SILENT: _is_silent,
    Problem.UNASSIGNED: _is_unassigned,
    Problem.NO_CODEC: _has_no_codec,
    Problem.UNDECODABLE: _is_undecodable,
    Problem.FAULT: _has_fault,
    Problem.TAMPER: _is_tampered,
    Problem.BATTERY_LOW: _is_battery_low,
    Problem.UPLINKS_LOST: _loses_uplinks,
}
"""Without `clock`, which the uplinks themselves begin and end, and without `stuck`, which needs the neighbours."""


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """A space without a change for a while, and its neighbours: spaces of its zone with the same purpose."""

    dev_eui: DevEui
    """The device that watches it."""
    space: SpaceId | None
    purpose: str | None
    since: datetime | None
    """Of its present state. None: the device watches no space any more."""
    neighbours: int
    """Without itself."""
    busy_since: datetime | None
    """Since when three of four neighbours have changed often. None: they have not, or it is not needed."""
    is_stuck: bool
    """Whether it is already known to be stuck."""


def is_stuck(quiet: Quiet, limits: Limits, *, now: datetime) -> bool:
    """Whether the sensor has had the same occupancy for far longer than its neighbours in the same hours would explain.

    At night and on a day without visitors the neighbours change as little, so no sensor is stuck then.
    """
    factor = limits.stuck_factors.get(quiet.purpose or "", 1.0)
    if quiet.since is None or now - quiet.since < limits.stuck_after * factor:
        return False
    if quiet.is_stuck:
        return True
    return (
        quiet.neighbours >= limits.stuck_neighbours and quiet.busy_since is not None and quiet.since < quiet.busy_since
    )
