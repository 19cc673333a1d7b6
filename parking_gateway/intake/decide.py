"""The changes by a batch: codecs read the frames, and the turn decides about the spaces. Pure."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from parking_gateway.core.causes import Cause
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.events import DeadLetter, DevEui, Uplink
from parking_gateway.core.notice import Notice
from parking_gateway.core.observing import Observing
from parking_gateway.core.space import Observation, SpaceId
from parking_gateway.core.turn import Turn, turn
from parking_gateway.decoding.decoder import Decoder, battery_report, observation
from parking_gateway.intake.bounds import TOO_MANY_DEVICES, without_payload
from parking_gateway.intake.read import Batch, dead_letter
from parking_gateway.intake.tally import Tally
from parking_gateway.store.counters import Counted
from parking_gateway.store.spaces import Locked


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows from a batch, before it is written."""

    turn: Turn
    readings: list[DeviceReading]
    """One for each new uplink that is not refused, in their order."""
    refused: list[Uplink]
    """Those of new devices beyond the bound."""
    rejected: list[DeadLetter]
    """Uplinks whose frames no codec could read, and those of new devices beyond the bound. They are recorded all the same."""
    counted: Counted
    """The zones that these uplinks count, as they are afterwards."""
    observing: Observing
    """The installations whose uplinks change nothing."""
    notices: list[Notice]
    """About counted zones and observed installations. Those about spaces are in the turn."""
    held_back: list[Uplink]
    unassigned: int
    without_codec: int


def decide(
    batch: Batch, new: Sequence[Uplink], locked: Locked, *, decoder: Decoder, beyond: Collection[DevEui] = ()
) -> Decision:
    """Decide about the uplinks that were not recorded before, and the battery levels of device events.

    `beyond` are devices without a row that get none.
    """
    causes: list[tuple[SpaceId, Cause]] = []
    readings: list[DeviceReading] = []
    refused: list[Uplink] = []
    rejected: list[DeadLetter] = []
    unassigned = without_codec = 0
    tally = Tally(locked.counted, at=batch.received_at)
    observing = Observing(sensors=locked.sensors)
    for uplink in new:
        installations = locked.installations.get(uplink.device.dev_eui)
        if not installations and uplink.device.dev_eui in locked.counted.counters:
            one = tally.count(uplink, decoder=decoder)
            if one.rejection is not None:
                message, _ = batch.messages[uplink.deduplication_id]
                rejected.append(dead_letter(message, one.rejection, uplink.received_at, uplink=uplink))
            readings.append(one)
            without_codec += one.codec is None
            continue
        if not installations:
            unassigned += 1
            if beyond and uplink.device.dev_eui in beyond:
                message, _ = batch.messages[uplink.deduplication_id]
                letter = dead_letter(message, TOO_MANY_DEVICES, uplink.received_at, uplink=uplink)
                rejected.append(without_payload(letter))
                refused.append(uplink)
                continue
            readings.append(DeviceReading(uplink))
            continue
        has_codec = True
        first = len(causes)
        for installation in installations:
            one = decoder.reading(uplink, installation)
            has_codec = has_codec and one.codec is not None
            seen = observation(uplink, one.reading, installation.channel)
            if installation.observe_left is None:
                causes.append((installation.space, seen))
            else:
                causes += observing.causes(installation, seen, codec=one.codec, now=batch.received_at)
        if len(installations) > 1:
            causes[first:] = _decisive_first(causes[first:], locked)
        if one.rejection is not None:
            message, _ = batch.messages[uplink.deduplication_id]
            rejected.append(dead_letter(message, one.rejection, uplink.received_at, uplink=uplink))
        readings.append(one)
        without_codec += not has_codec
    causes += _battery_levels(batch, locked)
    made = turn(locked.spaces, causes)
    return Decision(
        turn=made,
        readings=readings,
        refused=refused,
        rejected=rejected,
        counted=tally.counted,
        observing=observing,
        notices=[*tally.notices, *observing.notices(now=batch.received_at)],
        held_back=[batch.messages[seen.cause][1] for seen in made.held_back if seen.cause is not None],
        unassigned=unassigned,
        without_codec=without_codec,
    )


def _decisive_first(causes: Sequence[tuple[SpaceId, Cause]], locked: Locked) -> list[tuple[SpaceId, Cause]]:
    """The causes by the channels of one uplink, so that no space has a state that the uplink does not show."""

    def is_behind(caused: tuple[SpaceId, Cause]) -> bool:
        space, cause = caused
        return isinstance(cause, Observation) and cause.occupancy is not locked.spaces[space].rule.decisive

    return sorted(causes, key=is_behind)


def _battery_levels(batch: Batch, locked: Locked) -> Iterator[tuple[SpaceId, Cause]]:
    """The battery levels of device events, for the spaces of their devices."""
    for event in batch.batteries if batch.events else ():
        for one in locked.installations.get(event.device.dev_eui, ()):
            if one.observe_left is None:
                yield one.space, battery_report(event, one.channel)
