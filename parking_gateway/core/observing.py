"""Observe first: the uplinks of an observed installation are read and kept, and change nothing of its space. Pure.

For its space, such an installation is not there: the space has no sensor, or its other sensors decide. `observe_left` counts down
with each uplink. Behind the last one the installation is a sensor of its space, and the next uplink is its first.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from parking_gateway.core.causes import Cause, SensorsFitted
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS, Installation
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.sensor import SensorKey, sensor_key
from parking_gateway.core.space import Observation, SpaceId

_TICK = timedelta(microseconds=1)


class Observed(msgspec.Struct, frozen=True, gc=False):
    """What an uplink of an observed installation means for its space, which it does not change."""

    space: SpaceId
    seen: Observation
    codec: str | None


class Counted(msgspec.Struct, kw_only=True):
    """An observed installation after some of its uplinks."""

    dev_eui: DevEui
    channel: int
    space: SpaceId
    uplinks: int = 0
    """How many of them there were."""
    is_over: bool = False
    since: datetime
    """Behind the last of them. The space has nothing to do with earlier ones."""


class Observing(msgspec.Struct, kw_only=True):
    """The observed installations of a batch."""

    sensors: Mapping[SpaceId, frozenset[SensorKey]] = {}
    """Those that decide the space, for each space of an installation that may be observed no longer."""
    observed: list[Observed] = []
    counted: dict[SensorKey, Counted] = {}

    def causes(
        self, installation: Installation, seen: Observation, *, codec: str | None, now: datetime
    ) -> Iterator[tuple[SpaceId, Cause]]:
        """Keep an uplink of an installation that was observed before the batch. The causes are those for its space, if any."""
        key, left = sensor_key(installation.dev_eui, installation.channel), installation.observe_left
        one = self.counted.get(key)
        if one is None:
            one = self.counted[key] = Counted(
                dev_eui=installation.dev_eui,
                channel=installation.channel,
                space=installation.space,
                since=seen.heard_at,
            )
        if one.is_over:
            yield installation.space, seen
            return
        self.observed.append(Observed(installation.space, seen, codec))
        one.uplinks += 1
        one.since = max(one.since, seen.heard_at + _TICK)
        if left is None or left == ENDLESS or one.uplinks < left:
            return
        one.is_over = True
        others = self.sensors.get(installation.space, frozenset())
        self.sensors = {**self.sensors, installation.space: others | {key}}
        if others:
            yield installation.space, _fitted(key, others, now=now)

    def notices(self, *, now: datetime) -> Iterator[Notice]:
        """About those that are observed no longer."""
        for one in self.counted.values():
            if one.is_over:
                details = {"channel": one.channel}
                yield Notice(kind=NoticeKind.OBSERVED, at=now, space=one.space, dev_eui=one.dev_eui, details=details)


def _fitted(key: SensorKey, others: frozenset[SensorKey], *, now: datetime) -> SensorsFitted:
    sole = next(iter(others)) if len(others) == 1 else None
    return SensorsFitted(sensors=others | {key}, sole=sole, at=now, by="observed long enough")
