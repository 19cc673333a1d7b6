"""From an uplink and an installation to a reading and an observation: chooses the codec, decodes, checks the device's clock.

Any exception of a codec becomes a rejection of that one uplink. The only broad `except` around codecs is here. Guests are
codecs of others and may take any time, so `budget` runs them before the transaction, and a decoder receives their readings.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from decoders import Frame, Reading, Undecodable
from decoders.readings import WrongReading, checked, of_channel
from parking_gateway.core.device import NO_READING, CodecIdentity, DeviceReading
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.printable import printable, shortened
from parking_gateway.core.space import Observation
from parking_gateway.decoding import codecs
from parking_gateway.decoding.guests.process import GuestStopped

CLOCK_BEHIND: Final = timedelta(days=1)
"""How old a time of a device's own clock may be. A clock that was never set is years behind."""
_NO_TIME: Final = timedelta()


class Choice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The name of a codec, with its options."""

    codec: str
    options: dict[str, str] = {}


GuestKey = tuple[UUID, str, frozenset[tuple[str, str]]]
"""Identifies a frame of a guest: the deduplication id of its uplink, the codec and its options."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a codec makes of a frame."""

    reading: Reading | Rejection
    read_by: CodecIdentity | None = None
    """None: no codec looked at the frame."""


GuestReadings = Mapping[GuestKey, Answer]


class NotAsked(LookupError):  # noqa: N818 - the cause
    """The frame needs a guest, and the guest was not asked to decode it before the transaction."""


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """Decodes uplinks with the codec of the installation, else of the tag `codec`, else of the profile."""

    profiles: dict[str, Choice] = {}
    """Shared with the copies of this decoder, so that `adopt` changes all of them."""
    folder: Path | None = None
    """The drop-in folder, for codecs of the operator."""
    guest_readings: GuestReadings | None = None
    """The readings of guests that were asked before. None: a guest is asked when its reading is needed, which takes time."""

    def choice(self, device: DeviceIdentity, installation: Installation) -> Choice | None:
        """Return the codec for this device in this installation; None if none was chosen."""
        if installation.codec:
            return Choice(codec=installation.codec, options=installation.options)
        if tag := device.tags.get("codec"):
            return Choice(codec=tag, options=installation.options)
        by_profile = self.profiles.get(device.profile)
        if by_profile and installation.options:
            return Choice(codec=by_profile.codec, options=by_profile.options | installation.options)
        return by_profile

    def reading(self, uplink: Uplink, installation: Installation) -> DeviceReading:
        """Decode an uplink with the codec of this installation. The same for a live uplink and for a stored one.

        Without a codec, and on port 0 (MAC commands), the reading is empty. A frame that is not decoded has a rejection.
        Raises `NotAsked` if the guest's reading of the uplink is missing.
        """
        choice = self.choice(uplink.device, installation)
        if choice is None:
            return DeviceReading(uplink)
        if uplink.f_port == 0:
            return DeviceReading(uplink, choice.codec)
        answer = self.read(uplink, choice)
        if isinstance(answer.reading, Rejection):
            return DeviceReading(uplink, choice.codec, NO_READING, answer.reading, answer.read_by)
        return DeviceReading(uplink, choice.codec, answer.reading, None, answer.read_by)

    def read(self, uplink: Uplink, choice: Choice) -> Answer:
        """Decode an uplink with this codec. Raises `NotAsked` if the guest's reading of the uplink is missing."""
        if self.guest_readings is not None and self.guest_of(choice) is not None:
            try:
                return self.guest_readings[guest_key(uplink, choice)]
            except KeyError:
                raise NotAsked(choice.codec) from None
        options = _options(choice)
        try:
            bound = _bound(choice.codec, options, self.folder)
            if isinstance(bound, Rejection):
                minute = uplink.received_at.replace(second=0, microsecond=0)
                bound = _bound_later(choice.codec, options, self.folder, minute)
        except codecs.CodecStopped as stopped:
            return Answer(Rejection(reason=Reason.CODEC_FAILED, detail=str(stopped)))
        if isinstance(bound, Rejection):
            return Answer(bound)
        decode, read_by = bound
        reading = decode_frame(decode, frame_of(uplink))
        if isinstance(reading, Rejection):
            reading = msgspec.structs.replace(reading, detail=f"{choice.codec}: {reading.detail}")
        return Answer(reading, read_by)

    def adopt(self, profiles: Mapping[str, Choice]) -> None:
        """Use these profiles from now on."""
        self.profiles.clear()
        self.profiles.update(profiles)

    def guest_of(self, choice: Choice) -> str | None:
        """Return the guest that this codec runs, or None. A guest must not run in a transaction or in the event loop."""
        return codecs.guest_of(choice.codec, dropins=self.folder)

    def check(self, choice: Choice) -> codecs.Codec:
        """Return the codec. Raises `codecs.CodecNotFound` or `codecs.BadOption` if no frame can be decoded with this choice."""
        codec = codecs.find(choice.codec, dropins=self.folder)
        codecs.bind(codec, choice.options)
        return codec


def forget_codecs() -> None:
    """Find every codec again when it is needed next, because its file may be another one by now."""
    _bound.cache_clear()
    _bound_later.cache_clear()
    codecs.forget()


def guest_key(uplink: Uplink, choice: Choice) -> GuestKey:
    """Return the key of a guest's reading."""
    return uplink.deduplication_id, choice.codec, _options(choice)


def frame_of(uplink: Uplink) -> Frame:
    """Return the frame of an uplink, as codecs receive it."""
    return Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.heard_at, object=uplink.object)


def decode_frame(decode: codecs.Bound, frame: Frame) -> Reading | Rejection:
    """Decode a frame and check the reading. A refusal and a failure of the codec are rejections."""
    try:
        return checked(decode(frame))
    except Undecodable as refusal:
        return Rejection(reason=Reason.UNDECODABLE, detail=_described(refusal))
    except (WrongReading, GuestStopped) as failure:
        return Rejection(reason=Reason.CODEC_FAILED, detail=_described(failure))
    except Exception as error:  # noqa: BLE001 - a codec may raise anything, and must not affect the next frame
        return Rejection(reason=Reason.CODEC_FAILED, detail=_described(error, f"{type(error).__name__}: "))


def observation(uplink: Uplink, reading: Reading, channel: int = 0) -> Observation:
    """Return what one sensor of the device has seen. The device's own clock dates it if its time is plausible."""
    if channel:
        reading = of_channel(reading, channel)
    seen_at = heard_at = uplink.heard_at
    if reading.at is not None and _NO_TIME <= heard_at - reading.at <= CLOCK_BEHIND:
        seen_at = reading.at
    return Observation(
        reading.occupancy,
        seen_at,
        heard_at,
        uplink.f_cnt,
        uplink.deduplication_id,
        uplink.dev_addr,
        _percent(reading.battery_percent),
        uplink.device.dev_eui,
        channel,
    )


def battery_report(event: DeviceEvent, channel: int = 0) -> Observation:
    """Return the observation of a device status: the battery of the space's sensor."""
    return Observation(
        occupancy=None,
        seen_at=event.heard_at,
        heard_at=event.heard_at,
        f_cnt=0,
        battery_percent=_percent(event.battery_percent),
        cause=event.deduplication_id,
        dev_eui=event.device.dev_eui,
        channel=channel,
    )


def _described(error: Exception, before: str = "") -> str:
    """Return the message of an exception, printable and cut: neither JSON nor PostgreSQL takes lone surrogates."""
    try:
        text = f"{before}{error}"
    except Exception:  # noqa: BLE001 - the `__str__` of a codec's exception may raise
        text = f"{before}its message cannot be read"
    return printable(shortened(text, _LONGEST_DETAIL))


def _percent(value: float | None) -> int | None:
    return None if value is None else min(100, max(0, round(value)))


_LONGEST_DETAIL: Final = 1000
"""Characters."""
_NO_OPTIONS: Final[frozenset[tuple[str, str]]] = frozenset()


def _options(choice: Choice) -> frozenset[tuple[str, str]]:
    return frozenset(choice.options.items()) if choice.options else _NO_OPTIONS


@lru_cache(maxsize=1024)
def _bound(
    name: str, options: frozenset[tuple[str, str]], folder: Path | None
) -> tuple[codecs.Bound, CodecIdentity] | Rejection:
    try:
        codec = codecs.find(name, dropins=folder)
        return codecs.bind(codec, dict(options)), codec.identity
    except codecs.CodecStopped:  # an exception is not cached; the next attempt may succeed
        raise
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return Rejection(reason=Reason.CODEC_NOT_FOUND, detail=str(mistake))


@lru_cache(maxsize=1024)
def _bound_later(
    name: str, options: frozenset[tuple[str, str]], folder: Path | None, _minute: datetime
) -> tuple[codecs.Bound, CodecIdentity] | Rejection:
    """Look up a codec again once a minute, because a folder may be mounted late and a file may be corrected."""
    if codecs.has_appeared(name, dropins=folder):
        return _bound.__wrapped__(name, options, folder)
    return _bound(name, options, folder)
