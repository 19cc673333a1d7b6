"""Which device watches which space, and how its frames are to be read."""

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId


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
