"""Patience with a script: a busy machine can be too slow for the time limit of a frame, and a test must not fail for that."""

from contextlib import suppress
from typing import Final

from decoders import Frame, Reading
from parking_gateway.decoding.declared import Decode
from parking_gateway.decoding.guests.process import GuestStopped

_TRIES: Final = 3


def patient(decode: Decode) -> Decode:
    """Return the codec, which tries a frame again if there was no reply in time."""

    def again(frame: Frame) -> Reading:
        for _ in range(_TRIES - 1):
            with suppress(GuestStopped):
                return decode(frame)
        return decode(frame)

    return again
