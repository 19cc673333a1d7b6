"""A moment at which the clock looks around: what a round is given."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec

from parking_gateway.clock.codecs_in_use import CodecsInUse
from parking_gateway.clock.senders import Senders
from parking_gateway.decoding.budget import Guests
from parking_gateway.process.config.devices import DevicesConfig
from parking_gateway.process.config.downlinks import DownlinksConfig
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.process.config.sections import ReservationsConfig


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The time, and what the gateway has to know beside it."""

    now: datetime
    listening_since: datetime | None
    """Since when every event has reached this gateway. None: it may be missing events now."""
    lost_after: timedelta
    """How long a sensor may be silent, where neither its installation nor its profile nor its codec has a limit of its own."""
    lost_after_by_profile: Mapping[str, timedelta] = {}
    missed_heartbeats: int = 0
    """So many heartbeats of its codec a device may miss. 0: heartbeats are no limit."""
    codecs: CodecsInUse = msgspec.field(default_factory=CodecsInUse)
    profiles: Collection[str] = ()
    """Those that name a codec."""
    devices: DevicesConfig = DevicesConfig()
    """The thresholds of problems."""
    instance: str = ""
    """The name of this gateway."""
    senders: Senders = msgspec.field(default_factory=Senders)
    """The devices with new uplinks."""
    retention: RetentionConfig = RetentionConfig()
    """For how long rows are kept."""
    maintenance_ends: bool = True
    """Whether maintenance ends at its planned end. If not, people are reminded."""
    reservations: ReservationsConfig = ReservationsConfig()
    """The rules of reservations where a zone has none of its own."""
    downlinks: DownlinksConfig = DownlinksConfig()
    """How often downlinks are sent and tried, and the models of indicators."""
    command_topic: str | None = None
    """The topic of downlinks, with {application} and {device} in it. None: it is unknown."""
    guests: Guests | None = None
    """Who decodes stored uplinks again. None: nobody, and no past is corrected."""
    is_measured: bool = False
    """Whether the metrics are served."""
