"""Codecs: found by name, and bound to an installation's options."""

from parking_gateway.decoding.codecs.binding import BadOption, Bound, bind, bind_assuming
from parking_gateway.decoding.codecs.codec import OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option
from parking_gateway.decoding.codecs.failures import remember_failures
from parking_gateway.decoding.codecs.finding import (
    ENTRY_POINTS,
    CodecBroken,
    CodecNotFound,
    CodecStopped,
    find,
    guest_of,
    has_appeared,
    has_guests,
    modules,
    names,
)

__all__ = [
    "ENTRY_POINTS",
    "OCCUPIED_BELOW",
    "VACANT_ABOVE",
    "BadOption",
    "Bound",
    "Codec",
    "CodecBroken",
    "CodecNotFound",
    "CodecStopped",
    "Option",
    "bind",
    "bind_assuming",
    "find",
    "guest_of",
    "has_appeared",
    "has_guests",
    "modules",
    "names",
    "remember_failures",
]
