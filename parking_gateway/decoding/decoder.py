"""From an uplink and an installation to an observation: which codec reads it, and what is believed of what it read.

Whatever a codec raises becomes a rejection of that one uplink. This is the only broad `except` around them. Codecs of others
are guests, which may also take for ever: they are asked beforehand, by `questioning`, and a decoder is given their answers.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from decoders import Frame, Reading, Undecodable
from decoders.readings import WrongReading, checked
from parking_gateway.core.device import NO_READING, DeviceReading
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation
from parking_gateway.decoding import codecs

CLOCK_BEHIND: Final = timedelta(days=1)
"""How far a device's own clock is believed to reach back. One that was never set says a year long gone."""
_NO_TIME: Final = timedelta()


class Choice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A codec by name, with the options that its frames need."""

    codec: str
    options: dict[str, str] = {}


Question = tuple[UUID, str, frozenset[tuple[str, str]]]
"""What a guest is asked: a deduplication id, the codec, its options."""
Answers = Mapping[Question, Reading | Rejection]


class NotAsked(LookupError):  # noqa: N818 - what has to be done
    """A guest's answer is wanted, and this question was not put to it."""


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """Which codec reads which device: the installation's own setting, else the tag `codec`, else the profile's."""

    profiles: Mapping[str, Choice] = {}
    folder: Path | None = None
    """Where an operator drops codecs in."""
    answers: Answers | None = None
    """What guests have said already. None: they are asked when it is wanted to know, which takes its time."""

    def choice(self, device: DeviceIdentity, installation: Installation) -> Choice | None:
        """The codec for this device in this installation, or None where nobody chose one."""
        if installation.codec:
            return Choice(codec=installation.codec, options=installation.options)
        if tag := device.tags.get("codec"):
            return Choice(codec=tag, options=installation.options)
        by_profile = self.profiles.get(device.profile)
        if by_profile and installation.options:
            return Choice(codec=by_profile.codec, options=by_profile.options | installation.options)
        return by_profile

    def reading(self, uplink: Uplink, installation: Installation) -> DeviceReading:
        """What the device measured, as this installation has it read: for a live uplink and for a stored one alike.

        Without a codec, and for port 0 (MAC commands), nothing is read. Why a codec could not read a frame is its rejection.
        Raises `NotAsked` where the answers lack the one of a guest.
        """
        choice = self.choice(uplink.device, installation)
        if choice is None:
            return DeviceReading(uplink)
        if uplink.f_port == 0:
            return DeviceReading(uplink, choice.codec)
        answer = self.read(uplink, choice)
        if isinstance(answer, Rejection):
            return DeviceReading(uplink, choice.codec, NO_READING, answer)
        return DeviceReading(uplink, choice.codec, answer)

    def read(self, uplink: Uplink, choice: Choice) -> Reading | Rejection:
        """What the device said, or why nobody can tell. Raises `NotAsked` where the answers lack the one of a guest."""
        if self.answers is not None and self.guest_of(choice) is not None:
            try:
                return self.answers[question(uplink, choice)]
            except KeyError:
                raise NotAsked(choice.codec) from None
        options = _options(choice)
        try:
            decode = _bound(choice.codec, options, self.folder)
            if isinstance(decode, Rejection):
                minute = uplink.received_at.replace(second=0, microsecond=0)
                decode = _bound_later(choice.codec, options, self.folder, minute)
        except codecs.CodecStopped as stopped:
            return Rejection(reason=Reason.CODEC_FAILED, detail=str(stopped))
        if isinstance(decode, Rejection):
            return decode
        frame = Frame(port=uplink.f_port, payload=uplink.data, received_at=uplink.heard_at, object=uplink.object)
        said = attempt(decode, frame)
        if isinstance(said, Rejection):
            return msgspec.structs.replace(said, detail=f"{choice.codec}: {said.detail}")
        return said

    def guest_of(self, choice: Choice) -> str | None:
        """The guest that is asked when this codec is, which must not be while anybody waits; None where there is none."""
        return codecs.guest_of(choice.codec, dropins=self.folder)

    def check(self, choice: Choice) -> None:
        """Raise `codecs.CodecNotFound` or `codecs.BadOption` when nothing could ever be read with this choice."""
        codecs.bind(codecs.find(choice.codec, dropins=self.folder), choice.options)


def question(uplink: Uplink, choice: Choice) -> Question:
    """The name under which a guest's answer is kept."""
    return uplink.deduplication_id, choice.codec, _options(choice)


def attempt(decode: codecs.Bound, frame: Frame) -> Reading | Rejection:
    """What a codec makes of a frame, checked; or why nothing is made of it: the frame is refused, or the codec is broken."""
    try:
        return checked(decode(frame))
    except Undecodable as refusal:
        return Rejection(reason=Reason.UNDECODABLE, detail=_described(refusal))
    except WrongReading as wrong:
        return Rejection(reason=Reason.CODEC_FAILED, detail=_described(wrong))
    except Exception as error:  # noqa: BLE001 - a codec may break in any way, and the next frame must not notice
        return Rejection(reason=Reason.CODEC_FAILED, detail=_described(error, f"{type(error).__name__}: "))


def observation(uplink: Uplink, reading: Reading) -> Observation:
    """The uplink's statement about its space. The device's own clock says since when, where it can be believed."""
    seen_at = heard_at = uplink.heard_at
    if reading.at is not None and _NO_TIME <= heard_at - reading.at <= CLOCK_BEHIND:
        seen_at = reading.at
    return Observation(
        occupancy=reading.occupancy,
        seen_at=seen_at,
        heard_at=heard_at,
        dev_addr=uplink.dev_addr,
        f_cnt=uplink.f_cnt,
        battery_percent=_percent(reading.battery_percent),
        cause=uplink.deduplication_id,
    )


def battery_report(event: DeviceEvent) -> Observation:
    """What a device status says about the space that the device watches: its sensor's battery."""
    return Observation(
        occupancy=None,
        seen_at=event.heard_at,
        heard_at=event.heard_at,
        f_cnt=0,
        battery_percent=_percent(event.battery_percent),
        cause=event.deduplication_id,
    )


def _described(error: Exception, before: str = "") -> str:
    """The message of an exception, cut, and without the lone surrogates that neither JSON nor PostgreSQL takes."""
    try:
        text = f"{before}{error}"
    except Exception:  # noqa: BLE001 - an exception may break while it is asked for its message
        text = f"{before}its message cannot be read"
    return text[:_LONGEST_DETAIL].encode(errors="replace").decode()


def _percent(value: float | None) -> int | None:
    return None if value is None else min(100, max(0, round(value)))


_LONGEST_DETAIL: Final = 1000
"""Characters."""
_NO_OPTIONS: Final[frozenset[tuple[str, str]]] = frozenset()


def _options(choice: Choice) -> frozenset[tuple[str, str]]:
    return frozenset(choice.options.items()) if choice.options else _NO_OPTIONS


@lru_cache(maxsize=1024)
def _bound(name: str, options: frozenset[tuple[str, str]], folder: Path | None) -> codecs.Bound | Rejection:
    try:
        return codecs.bind(codecs.find(name, dropins=folder), dict(options))
    except codecs.CodecStopped:  # which is not kept: the next time, it may answer
        raise
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return Rejection(reason=Reason.CODEC_NOT_FOUND, detail=str(mistake))


@lru_cache(maxsize=1024)
def _bound_later(
    name: str, options: frozenset[tuple[str, str]], folder: Path | None, _minute: datetime
) -> codecs.Bound | Rejection:
    """The same for what was not there at first, once a minute: a folder may be mounted late, and a file be mended."""
    if codecs.has_appeared(name, dropins=folder):
        return _bound.__wrapped__(name, options, folder)
    return _bound(name, options, folder)
