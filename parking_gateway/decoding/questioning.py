"""Asking guests: codecs of others, each in a process of its own, before a transaction begins and no longer than they are allowed.

A guest that hangs, dies or computes without an end costs its own frames and a bounded time of its batch: the frames that it was not
asked about become rejections, `codec_out_of_time`, whose payload is kept. One that does so again and again is left alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from decoders import Reading
from parking_gateway.core.events import DevEui, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.decoding.decoder import Answers, Choice, Decoder, Question, question

BATCH_SECONDS: Final = 0.5
"""Seconds of a batch that a guest may waste in slow frames. The whole batch waits for them, and nobody notices a state that is
half a second late."""
SLOW_SECONDS: Final = 0.04
"""A frame that takes longer is slow. A vendor's script takes 0.4 ms, and ten times that on a machine that is too busy."""
FRAME_SECONDS: Final = 0.004
"""What each frame of a batch may take on the average, beyond `BATCH_SECONDS`."""
WASTED_SECONDS: Final = 2.0
"""A guest that has wasted so much is not asked for `LEFT_ALONE_SECONDS`. Wasted time is forgiven at that rate: so a guest that
always hangs costs the intake 3 % of its time, and one that hung once is asked again at once."""
LEFT_ALONE_SECONDS: Final = 60

Asked = tuple[Uplink, Choice]
Questions = dict[str, list[Asked]]
"""By the name of the guest, which is its module's. Frames of codecs that nobody knows are under the empty name."""


class _Account(msgspec.Struct, kw_only=True):
    """How much time a guest has wasted."""

    wasted: float = 0.0
    counted_at: float
    left_alone_until: float = 0.0

    def waste(self, seconds: float, now: float) -> None:
        """Note what was wasted of a batch."""
        forgiven = (now - self.counted_at) * WASTED_SECONDS / LEFT_ALONE_SECONDS
        self.wasted = max(0.0, self.wasted - forgiven) + seconds
        self.counted_at = now
        if self.wasted >= WASTED_SECONDS:
            self.left_alone_until = now + LEFT_ALONE_SECONDS
            self.wasted = 0.0


class Guests:
    """The codecs of others, and how they have behaved. The gateway has one of these, and so has a command that replays."""

    def __init__(self, decoder: Decoder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._decoder = decoder
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def choices(self, uplinks: Iterable[Uplink], installed: Iterable[Installation]) -> Questions:
        """The uplinks that guests are to be asked about, by the installations of their devices. Pure."""
        watching: dict[DevEui, list[Installation]] = {}
        for one in installed:
            watching.setdefault(one.dev_eui, []).append(one)
        found: Questions = {}
        for uplink in uplinks:
            for installation in () if uplink.f_port == 0 else watching.get(uplink.device.dev_eui, ()):
                choice = self._decoder.choice(uplink.device, installation)
                if choice is not None and (guest := self._decoder.guest_of(choice)) is not None:
                    found.setdefault(guest, []).append((uplink, choice))
        return found

    async def answers(self, asked: Questions) -> Answers:
        """What the guests say, each asked in a thread. Never raises for what they do."""
        said = await asyncio.gather(*(self._in_turn(guest, questions) for guest, questions in asked.items()))
        return {key: answer for answers in said for key, answer in answers.items()}

    def told(self, device: DeviceIdentity, uplinks: Iterable[Uplink], installation: Installation) -> Decoder:
        """A decoder that has the answers about one device's uplinks, where a guest reads it."""
        choice = self._decoder.choice(device, installation)
        if choice is None or (guest := self._decoder.guest_of(choice)) is None:
            return self._decoder
        asked = [(uplink, choice) for uplink in uplinks if uplink.f_port != 0]
        return msgspec.structs.replace(self._decoder, answers=self.read(guest, asked))

    async def _in_turn(self, guest: str, asked: Sequence[Asked]) -> Answers:
        async with self._turns.setdefault(guest, asyncio.Lock()):
            return await asyncio.to_thread(self.read, guest, asked)

    def read(self, guest: str, asked: Sequence[Asked]) -> Answers:
        """What one guest says of a batch, within its time."""
        began = self._clock()
        account = self._accounts.setdefault(guest, _Account(counted_at=began))
        if began < account.left_alone_until:
            late = _late(
                guest, f"it is left alone for {LEFT_ALONE_SECONDS} s, because it has wasted {WASTED_SECONDS:g} s"
            )
            return {question(*one): late for one in asked}
        allowed = BATCH_SECONDS + len(asked) * FRAME_SECONDS
        late = _late(
            guest, f"it wasted more than {BATCH_SECONDS} s of a batch, or took more than {allowed:.1f} s for it"
        )
        answers: dict[Question, Reading | Rejection] = {}
        now, wasted, is_late = began, 0.0, False
        for one in asked:
            is_late = wasted > BATCH_SECONDS or now - began > allowed
            if is_late:
                break
            answers[question(*one)] = self._decoder.read(*one)
            before, now = now, self._clock()
            wasted += now - before if now - before > SLOW_SECONDS else 0.0
        if is_late and wasted <= BATCH_SECONDS:  # none of its frames hung, and all of them together took too long
            wasted = BATCH_SECONDS
        account.waste(wasted, now)
        return {question(*one): late for one in asked} | answers if is_late else answers


def _late(guest: str, why: str) -> Rejection:
    return Rejection(
        reason=Reason.CODEC_OUT_OF_TIME,
        detail=f"{guest or 'unknown codecs'}: {why}; the uplink and its payload are kept, so this frame can be read again",
    )
