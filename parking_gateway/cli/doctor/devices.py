"""The faults of a device, each with the command that helps. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from parking_gateway.cli.doctor.remedies import another, as_limit, as_options, command, install, look, place_of
from parking_gateway.core import problems
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Contact
from parking_gateway.core.wording import counted, duration
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.config.devices import DevicesConfig
from parking_gateway.process.config.sections import ClockConfig
from parking_gateway.register.remarks import NO_CHANNEL, NO_CODEC, NO_THRESHOLDS
from parking_gateway.store.diagnosis import RefusedFrames
from parking_gateway.store.fleet import KnownDevice
from parking_gateway.store.lost import Loss


class Problem(StrEnum):
    """The kinds of faults."""

    UNASSIGNED = "unassigned"
    NO_CODEC = "no codec"
    UNREADABLE = "unreadable"
    """Its codec does not exist, or an option is wrong or missing."""
    NO_OCCUPANCY = "no occupancy"
    """It measures a distance, and no option defines which one is a car; or nothing names one of its sensors."""
    NEVER_HEARD = "never heard"
    SILENT = "silent"
    UNDECODABLE = "undecodable"
    """Frames of it were rejected within the last day."""
    CLOCK = "clock"
    """Its last uplinks count as older than earlier ones, although their frame counters are higher."""
    BATTERY = "battery low"
    LOSSY = "lossy"
    """Many of its uplinks within the last day are missing by their frame counters."""
    FAULT = "faulty"
    """It reports a fault of its own."""
    TAMPER = "tampered with"
    """It reports that it was tilted, opened or moved."""
    STUCK = "stuck"
    """Its space has not changed for far longer than the neighbours' changes explain."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a device."""

    dev_eui: DevEui
    name: str
    space: str | None
    """`site/zone/space`, or `site/zone` of a counter."""
    problem: Problem
    detail: str
    fix: str
    """The remedy with its command. A person replaces the words in capitals."""


def examine(
    devices: Iterable[KnownDevice],
    refused: Mapping[DevEui, RefusedFrames],
    losses: Mapping[DevEui, Loss],
    *,
    decoder: Decoder,
    config: Config,
    now: datetime,
) -> Iterator[Finding]:
    """The faults of the devices. `refused` are their recent frames that could not be decoded, `losses` those missing.

    The thresholds are those of the gateway, so the two agree.
    """
    for known in devices:
        dev_eui = known.identity.dev_eui
        space = place_of(known) if known.installation else None
        found = [
            *_problems(known, refused.get(dev_eui), decoder, config, now),
            *_loss(dev_eui, losses.get(dev_eui), config.devices),
        ]
        for problem, detail, fix in found:
            yield Finding(
                dev_eui=dev_eui, name=known.identity.name, space=space, problem=problem, detail=detail, fix=fix
            )


Found = tuple[Problem, str, str]
"""The kind of fault, its detail, and the remedy."""


def _problems(
    known: KnownDevice,
    refused: RefusedFrames | None,
    decoder: Decoder,
    config: Config,
    now: datetime,
) -> Iterator[Found]:
    installed = known.installation
    if installed is None and not known.is_indicator:
        fix = command("devices", "assign", known.identity.dev_eui, "SITE/ZONE/SPACE")
        yield Problem.UNASSIGNED, "it watches no space", fix
        return
    choice = None
    if installed is not None:
        choice = decoder.choice(known.identity, installed)
        yield from _reading(known, installed, choice, decoder)
        yield from _silence(known, installed, allowed_silence(known, installed, decoder, config.clock), now)
    yield from _own(known)
    if problems.Problem.CLOCK in known.problems:
        detail = "its uplinks change nothing: they count as older than earlier ones, because a clock was set back"
        yield (
            Problem.CLOCK,
            detail,
            "let NTP set the clocks of the network server, of the LoRaWAN gateways and of this machine",
        )
    is_low = known.battery_percent is not None and known.battery_percent <= config.devices.battery_low_percent
    if is_low or problems.Problem.BATTERY_LOW in known.problems:
        yield Problem.BATTERY, _level(known), "replace its battery, or the sensor"
    if refused:
        detail = f"{counted(refused.count, 'frame')} within a day, the last: {refused.detail}"
        yield Problem.UNDECODABLE, detail, look(refused, choice)


def _own(known: KnownDevice) -> Iterator[Found]:
    """The faults that the running gateway has found and that no other check finds."""
    if problems.Problem.FAULT in known.problems:
        yield Problem.FAULT, f"it reports: {known.fault}", "look at the sensor, and replace it if the fault comes again"
    if problems.Problem.TAMPER in known.problems:
        yield Problem.TAMPER, "it reports that it was tilted, opened or moved", "look at the sensor, and mount it again"
    if problems.Problem.STUCK in known.problems:
        detail = "its space has had the same occupancy for far longer than the changes of its neighbours explain"
        yield Problem.STUCK, detail, "look whether a car is there; if the sensor is wrong, calibrate or replace it"


def _level(known: KnownDevice) -> str:
    percent = known.battery_percent
    return "its volts are low, or it reports a low battery" if percent is None else f"{percent} % are left"


def _reading(known: KnownDevice, installed: Installation, choice: Choice | None, decoder: Decoder) -> Iterator[Found]:
    """The faults that keep its frames from becoming an occupancy."""
    kept = [*as_options(installed.options), *as_limit(installed)]
    another_codec = install(known, installed, "--codec", "NAME", *kept)
    if choice is None:
        yield Problem.NO_CODEC, NO_CODEC, another_codec
        return
    try:
        codec = codecs.find(choice.codec, dropins=decoder.folder)
    except codecs.CodecNotFound as mistake:
        yield Problem.UNREADABLE, str(mistake), another_codec
        return
    present = ["--codec", installed.codec] if installed.codec else []
    present += kept
    try:
        codecs.bind(codec, choice.options)
    except codecs.BadOption as mistake:
        needed = {option.name: "VALUE" for option in codec.options if option.required}
        missing = as_options({name: value for name, value in needed.items() if name not in choice.options})
        yield Problem.UNREADABLE, str(mistake), install(known, installed, *present, *missing)
        return
    if known.space is None:  # a counter, which needs neither a channel nor an occupancy
        return
    if codec.device.channels and not installed.channel:
        yield Problem.NO_OCCUPANCY, NO_CHANNEL, install(known, installed, "--channel", "CHANNEL", *present)
        return
    below = codecs.OCCUPIED_BELOW.name
    if codec.device.measures_distance and below not in choice.options:
        yield (
            Problem.NO_OCCUPANCY,
            NO_THRESHOLDS,
            install(known, installed, *present, *as_options({below: "MILLIMETRES"})),
        )


def allowed_silence(known: KnownDevice, installed: Installation, decoder: Decoder, clock: ClockConfig) -> timedelta:
    """How long the device may be silent, as the gateway judges it."""
    if installed.lost_after is not None:
        return timedelta(seconds=installed.lost_after)
    if known.identity.profile in clock.lost_after_by_profile:
        return clock.lost_after_by_profile[known.identity.profile]
    return (
        clock.missed_heartbeats * (_heartbeat(decoder.choice(known.identity, installed), decoder) or timedelta())
        or clock.lost_after
    )


def _silence(known: KnownDevice, installed: Installation, allowed: timedelta, now: datetime) -> Iterator[Found]:
    other = another(known, installed)
    if known.heard_at is None:
        yield (
            Problem.NEVER_HEARD,
            "no uplink of it was ever received",
            f"look in ChirpStack whether it joined, or: {other}",
        )
        return
    if now - known.heard_at > allowed or known.contact is Contact.LOST:
        detail = f"last heard {known.heard_at:%Y-%m-%d %H:%M} UTC; it may be silent for {duration(allowed)}"
        yield Problem.SILENT, detail, f"look in ChirpStack whether it sends, or replace it: {other}"


def _loss(dev_eui: DevEui, loss: Loss | None, thresholds: DevicesConfig) -> Iterator[Found]:
    if loss is None or loss.missing < thresholds.uplinks_lost:
        return
    if loss.missing < thresholds.uplinks_lost_share * (loss.missing + loss.recorded):
        return
    detail = f"{counted(loss.missing, 'uplink')} of the last day missing by frame counter, {loss.recorded} recorded"
    fix = command("heal", "--device", dev_eui)
    yield Problem.LOSSY, detail, f"{fix}; if nothing comes back, look in ChirpStack at its signal"


def _heartbeat(choice: Choice | None, decoder: Decoder) -> timedelta | None:
    if choice is None:
        return None
    try:
        return codecs.find(choice.codec, dropins=decoder.folder).device.heartbeat
    except codecs.CodecNotFound:
        return None
