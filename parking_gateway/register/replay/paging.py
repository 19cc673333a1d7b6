"""The pages in which the uplinks of devices are read again: some devices of those that are left, and some uplinks of each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from parking_gateway.core.events import DevEui, Uplink
from parking_gateway.store.fleet import HistoryPlace

DEVICES: Final = 100
"""Devices of a page."""
UPLINKS: Final = 200
"""Uplinks of a device in a page. With more of them, the device has several pages."""


class Left:
    """Devices that have uplinks left to read, each with the place behind which they are."""

    def __init__(self, since: Mapping[DevEui, datetime]) -> None:
        self._places = {dev_eui: HistoryPlace(at) for dev_eui, at in since.items()}

    def page(self) -> dict[DevEui, HistoryPlace]:
        """The places of the next devices; empty at the end."""
        return dict(islice(self._places.items(), DEVICES))

    def move_on(self, devices: Collection[DevEui], read: Mapping[DevEui, Sequence[Uplink]]) -> None:
        """These devices had a page, with these uplinks."""
        for dev_eui in devices:
            sent = read.get(dev_eui, ())
            if len(sent) < UPLINKS:
                del self._places[dev_eui]
            else:
                self._places[dev_eui] = max(HistoryPlace(one.heard_at, one.deduplication_id) for one in sent)
