"""Remarks about an installed device: the reason why it gives no occupancy."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from parking_gateway.core.events import DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Decoder

NEVER_HEARD: Final = "never heard"
COUNTS: Final = "counts its zone"
SHOWS: Final = "shows places"
NO_CODEC: Final = "no codec: neither the installation, nor the tag `codec`, nor the profile names one"
NO_THRESHOLDS: Final = "no occupancy: it measures a distance, and the option occupied_below_mm is not set"

NO_CHANNEL: Final = "no occupancy: it has several sensors, and the installation names none by its channel"


def remark(device: DeviceIdentity, installation: Installation, decoder: Decoder) -> str | None:
    """The reason why this device gives no occupancy; None: there is none."""
    choice = decoder.choice(device, installation)
    if choice is None:
        return NO_CODEC
    return _remark(choice.codec, frozenset(choice.options.items()), installation.channel, decoder.folder)


@lru_cache(maxsize=1024)
def _remark(name: str, options: frozenset[tuple[str, str]], channel: int, folder: Path | None) -> str | None:
    try:
        codec = codecs.find(name, dropins=folder)
        codecs.bind(codec, dict(options))
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return f"unreadable: {mistake}"
    if codec.device.channels and channel == 0:
        return NO_CHANNEL
    if codec.device.measures_distance and codecs.OCCUPIED_BELOW.name not in dict(options):
        return NO_THRESHOLDS
    return None
