"""The rounds of the clock in one gateway, and the moment that each of them is given."""

from collections.abc import Callable, Collection, Sequence

from parking_gateway.clock.codecs_in_use import CodecsInUse
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.rounds import Rounds
from parking_gateway.clock.senders import Senders
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui, Uplink
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.database import Database
from parking_gateway.telemetry.report import Report


class Clockwork:
    """The rounds, with what they look at."""

    def __init__(  # noqa: PLR0913 - a moment is made of all of them
        self,
        config: Config,
        *,
        database: Database,
        decoder: Decoder,
        guests: Guests,
        report: Report,
        clock: WallClock,
        missing: Callable[[Collection[DevEui]], None],
    ) -> None:
        """`missing`: called with the devices of which uplinks are missing."""
        self._config = config
        self._decoder = decoder
        self._guests = guests
        self._report = report
        self._clock = clock
        self._missing = missing
        self._senders = Senders()
        self._codecs = CodecsInUse(decoder.folder)
        self.rounds = Rounds(
            database=database, moment=self._moment, report=self._went_round, failed=report.round_failed
        )

    def reconfigure(self, config: Config) -> None:
        """Use another configuration from the next round on."""
        self._config = config
        self._codecs.forget()

    def recorded(self, uplinks: Sequence[Uplink]) -> None:
        """These uplinks are new."""
        self._senders.recorded(uplinks)

    def _went_round(self, committed: Committed) -> None:
        self._report.committed(committed)
        self._missing(committed.uplinks_lost)

    def _moment(self) -> Moment:
        config = self._config
        return Moment(
            now=self._clock(),
            listening_since=self._report.listening_since,
            lost_after=config.clock.lost_after,
            lost_after_by_profile=config.clock.lost_after_by_profile,
            missed_heartbeats=config.clock.missed_heartbeats,
            codecs=self._codecs,
            profiles=self._decoder.profiles,
            devices=config.devices,
            instance=config.gateway.instance,
            senders=self._senders,
            retention=config.retention,
            maintenance_ends=config.clock.maintenance_ends,
            reservations=config.reservations,
            downlinks=config.downlinks,
            command_topic=config.command_topic,
            guests=self._guests,
            is_measured=config.telemetry.listen is not None,
        )
