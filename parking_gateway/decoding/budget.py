"""Runs guests within a budget of time, before the transaction of a batch begins. Each guest has a process of its own.

A guest that hangs, dies or never finishes costs its own frames and a limited time of its batch. Its remaining frames become
rejections, `codec_out_of_time`, and their payloads are kept. A guest that wastes time repeatedly is paused.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from parking_gateway.core.events import DevEui, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.decoding.decoder import Answer, Choice, Decoder, GuestKey, GuestReadings, guest_key

BATCH_SECONDS: Final = 0.5
"""`decoders.timeout` by default: seconds of a batch that a guest may waste in slow frames. The whole batch waits."""
SLOW_SECONDS: Final = 0.04
"""A frame that takes longer is slow. A vendor's script takes 0.4 ms, and ten times that on an overloaded machine."""
FRAME_SECONDS: Final = 0.004
"""The average time of a frame in a batch, in addition to `BATCH_SECONDS`."""
WASTED: Final = 4
"""A guest that has wasted so many times `decoders.timeout` is paused for `PAUSE_SECONDS`. Wasted time expires at the same rate. So a guest that
always hangs costs the intake 3 % of its time, and a guest that hung once is used again at once."""
PAUSE_SECONDS: Final = 60
_SLOW: Final = (
    "The codec {guest} hangs or is slow, so its frames are rejected and kept: mend it, and then parking-gateway rejections"
    " retry"
)

GuestFrame = tuple[Uplink, Choice]
"""A frame for a guest, with the codec and its options."""
GuestFrames = dict[str, list[GuestFrame]]
"""By the name of the guest's module. Frames of unknown codecs have the empty name."""


class _Account(msgspec.Struct, kw_only=True):
    """The time that a guest has wasted."""

    limit: float
    """Seconds after which it is paused."""
    wasted: float = 0.0
    counted_at: float
    paused_until: float = 0.0

    def waste(self, seconds: float, now: float) -> None:
        """Add the wasted time of a batch."""
        expired = (now - self.counted_at) * self.limit / PAUSE_SECONDS
        self.wasted = max(0.0, self.wasted - expired) + seconds
        self.counted_at = now
        if self.wasted >= self.limit:
            self.paused_until = now + PAUSE_SECONDS
            self.wasted = 0.0


class Guests:
    """The guests and the time that they have wasted. The gateway has one of these, and so has a command that replays."""

    def __init__(
        self,
        decoder: Decoder,
        *,
        seconds: float = BATCH_SECONDS,
        complain: Callable[[str, str | None], None] = lambda _about, _sentence: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds`: what a guest may waste of a batch. `complain` is called with a sentence while a guest wastes time."""
        self._decoder = decoder
        self._seconds = seconds
        self._complain = complain
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def frames(self, uplinks: Iterable[Uplink], installed: Iterable[Installation]) -> GuestFrames:
        """Return the frames that need a guest, by the installations of their devices. Pure."""
        watching: dict[DevEui, list[Installation]] = {}
        for one in installed:
            watching.setdefault(one.dev_eui, []).append(one)
        found: GuestFrames = {}
        for uplink in uplinks:
            for installation in () if uplink.f_port == 0 else watching.get(uplink.device.dev_eui, ()):
                choice = self._decoder.choice(uplink.device, installation)
                if choice is not None and (guest := self._decoder.guest_of(choice)) is not None:
                    found.setdefault(guest, []).append((uplink, choice))
        return found

    async def decoder_for(self, uplinks: Iterable[Uplink], installed: Iterable[Installation]) -> Decoder:
        """Return a decoder with the readings of guests. They decode now, in threads, so no transaction may be open."""
        readings = await self.readings(self.frames(uplinks, installed))
        return msgspec.structs.replace(self._decoder, guest_readings=readings)

    async def readings(self, frames: GuestFrames) -> GuestReadings:
        """Decode the frames, each guest in a thread. Never raises for an error of a guest."""
        by_guest = await asyncio.gather(*(self._in_turn(guest, of_guest) for guest, of_guest in frames.items()))
        return {key: reading for readings in by_guest for key, reading in readings.items()}

    def decoder_of(self, device: DeviceIdentity, uplinks: Iterable[Uplink], installation: Installation) -> Decoder:
        """Return a decoder for the uplinks of one device. If its codec is a guest, the guest decodes them now."""
        choice = self._decoder.choice(device, installation)
        if choice is None or (guest := self._decoder.guest_of(choice)) is None:
            return self._decoder
        frames = [(uplink, choice) for uplink in uplinks if uplink.f_port != 0]
        return msgspec.structs.replace(self._decoder, guest_readings=self.read(guest, frames))

    async def _in_turn(self, guest: str, frames: Sequence[GuestFrame]) -> GuestReadings:
        async with self._turns.setdefault(guest, asyncio.Lock()):
            readings = await asyncio.to_thread(self.read, guest, frames)
        account = self._accounts[guest]
        is_trouble = account.wasted > self._seconds or self._clock() < account.paused_until
        self._complain(f"codec {guest}", _SLOW.format(guest=guest) if is_trouble else None)
        return readings

    def read(self, guest: str, frames: Sequence[GuestFrame]) -> GuestReadings:
        """Decode the frames of a batch with one guest, within its budget."""
        began = self._clock()
        account = self._accounts.setdefault(guest, _Account(limit=WASTED * self._seconds, counted_at=began))
        if began < account.paused_until:
            late = _late(guest, f"it is paused for {PAUSE_SECONDS} s, because it has wasted {account.limit:g} s")
            return {guest_key(*one): late for one in frames}
        allowed = self._seconds + len(frames) * FRAME_SECONDS
        late = _late(
            guest, f"it wasted more than {self._seconds:g} s of a batch, or took more than {allowed:.1f} s for it"
        )
        readings: dict[GuestKey, Answer] = {}
        now, wasted, is_late = began, 0.0, False
        for one in frames:
            is_late = wasted > self._seconds or now - began > allowed
            if is_late:
                break
            readings[guest_key(*one)] = self._decoder.read(*one)
            before, now = now, self._clock()
            wasted += now - before if now - before > SLOW_SECONDS else 0.0
        if is_late and wasted <= self._seconds:  # no frame was slow, but all together took too long
            wasted = self._seconds
        account.waste(wasted, now)
        return {guest_key(*one): late for one in frames} | readings if is_late else readings


def _late(guest: str, why: str) -> Answer:
    detail = (
        f"{guest or 'unknown codecs'}: {why}; the uplink and its payload are kept, so this frame can be decoded later"
    )
    return Answer(Rejection(reason=Reason.CODEC_OUT_OF_TIME, detail=detail))
