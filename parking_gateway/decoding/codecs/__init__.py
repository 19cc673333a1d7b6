"""Finds codecs by name (`finding`), binds them to the options of an installation (`binding`), and makes downlinks (`commanding`)."""

from parking_gateway.decoding.codecs.binding import BadOption, Bound, bind, bind_assuming
from parking_gateway.decoding.codecs.codec import OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option, parameters_of
from parking_gateway.decoding.codecs.commanding import downlink_of
from parking_gateway.decoding.codecs.finding import (
    CodecBroken,
    CodecNotFound,
    CodecStopped,
    find,
    forget,
    guest_of,
    has_appeared,
    has_guests,
    load,
    modules,
    names,
    normal,
)
from parking_gateway.decoding.codecs.sources import ENTRY_POINTS
from parking_gateway.decoding.codecs.unloadable import remember_unloadable

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
    "downlink_of",
    "find",
    "forget",
    "guest_of",
    "has_appeared",
    "has_guests",
    "load",
    "modules",
    "names",
    "normal",
    "parameters_of",
    "remember_unloadable",
]
