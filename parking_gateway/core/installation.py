"""Which device watches which space, and how its frames are to be read."""

from typing import Final

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId

ENDLESS: Final = -1
"""In place of a number of uplinks: until a person ends it."""


class Installation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device in a space, with the codec and the options that its frames need."""

    dev_eui: DevEui
    channel: int = 0
    """Which of the device's sensors; 0 for devices with one."""
    space: SpaceId
    codec: str | None = None
    """None: the device's tag `codec`, else its profile, decides."""
    options: dict[str, str] = {}
    lost_after: int | None = None
    """Seconds that the sensor may be silent. None: the configuration decides. Only the register and the list of devices fill it in."""
    observe: int | None = None
    """For how many uplinks it is to be observed from its installation on, or `ENDLESS`. Filled in as `lost_after` is."""
    observe_left: int | None = None
    """Uplinks for which it is still observed, or `ENDLESS`. None: it decides its space."""
