"""The counters of a batch: what their uplinks add to the zones that they count. Pure."""

from datetime import datetime

import msgspec

from decoders import Reading
from decoders.readings import of_channel
from parking_gateway.core.counting import Total, ZoneCount, ZoneId, drift_notice, pass_by, totals_of
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.events import Uplink
from parking_gateway.core.notice import Notice
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.store.counters import Counted, Counter


class Tally:
    """Zones and counters of a batch, from the lock to the decision."""

    def __init__(self, locked: Counted, *, at: datetime) -> None:
        """`locked` stays as it is. `at` dates notices."""
        self.counted = Counted(counters=dict(locked.counters), zones=dict(locked.zones), names=locked.names)
        self.notices: list[Notice] = []
        self._at = at

    def count(self, uplink: Uplink, *, decoder: Decoder) -> DeviceReading:
        """Count an uplink that was not recorded before. Its device is a counter."""
        dev_eui = uplink.device.dev_eui
        after = []
        for one in self.counted.counters[dev_eui]:
            reading = decoder.reading(uplink, one.installation)
            after.append(self._passed(one, uplink, reading.reading))
        self.counted.counters[dev_eui] = after
        return reading

    def _passed(self, counter: Counter, uplink: Uplink, reading: Reading) -> Counter:
        of_line = of_channel(reading, counter.installation.channel)
        fields = {name: getattr(of_line, name) for name in ("counter", "counter_in", "counter_out")}
        frame = Total(uplink.heard_at, uplink.dev_addr, uplink.f_cnt, 0)
        before = self.counted.zones[counter.zone]
        zone, tracks = pass_by(before, counter.tracks, totals_of(fields, counter.direction, frame))
        if tracks is counter.tracks:
            return counter
        self._set(counter.zone, before, zone)
        return msgspec.structs.replace(counter, tracks=tracks)

    def _set(self, key: ZoneId, before: ZoneCount, after: ZoneCount) -> None:
        self.counted.zones[key] = after
        notice = drift_notice(self.counted.names[key], before, after, at=self._at)
        if notice is not None:
            self.notices.append(notice)
