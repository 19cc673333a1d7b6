"""What is known of a device, and which of its uplinks are worth a word about it. Pure.

When and how a device was heard stands in its uplinks. Beside them one row says what it is and what it last said of itself,
and that row is published: it is written when something of it changed, and else once in a while.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from decoders import Reading
from parking_gateway.space import Contact
from parking_gateway.uplink import Uplink

NOTHING_SAID: Final = Reading()


class Heard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device's uplink and, where a codec read it, what the device said of itself."""

    uplink: Uplink
    codec: str | None = None
    reading: Reading = NOTHING_SAID

    @property
    def battery_percent(self) -> int | None:
        """As it is kept: a whole number."""
        said = self.reading.battery_percent
        return None if said is None else round(said)


class Known(msgspec.Struct, frozen=True, gc=False):
    """What was last written down of a device."""

    contact: Contact
    heard_at: datetime | None
    name: str
    profile: str
    application: str
    tags: dict[str, str]
    codec: str | None
    battery_percent: int | None
    fault: str | None
    tamper: bool | None


def is_worth_telling(heard: Heard, known: Known | None, *, every: timedelta) -> bool:
    """Whether the device is new, something of it changed, or nothing was told of it for as long as `every`."""
    if known is None or known.heard_at is None or known.contact is not Contact.LIVE:
        return True
    uplink, identity, reading = heard.uplink, heard.uplink.device, heard.reading
    return (
        uplink.time >= known.heard_at + every
        or identity.name != known.name
        or identity.profile != known.profile
        or identity.application != known.application
        or identity.tags != known.tags
        or heard.codec not in (None, known.codec)
        or reading.fault not in (None, known.fault)
        or reading.tamper not in (None, known.tamper)
        or heard.battery_percent not in (None, known.battery_percent)
    )
