"""The section [devices]: when a device has a problem."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from parking_gateway.process.config.values import Seconds, Section, WholeNumber, from_json

Volts = Annotated[float, Field(gt=0, le=100)]
Factor = Annotated[float, Field(gt=0, le=1000)]


class DevicesConfig(Section):
    """The thresholds of problems. A problem that has begun ends well beyond its threshold, so that it does not come and go."""

    battery_low_percent: Annotated[WholeNumber, Field(ge=0, le=100)] = 20
    battery_low_volts: Annotated[dict[str, Volts], from_json('{"dragino_ldds75": 2.6}')] = Field(default_factory=dict)
    fault_ends_after: Seconds = timedelta(days=1)
    undecodable_frames: Annotated[WholeNumber, Field(ge=1, le=100)] = 3
    uplinks_lost: Annotated[WholeNumber, Field(ge=1, le=10_000)] = 3
    uplinks_lost_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    stuck_after: Seconds = timedelta(hours=8)
    stuck_changes: Annotated[WholeNumber, Field(ge=1, le=1000)] = 6
    stuck_factors: Annotated[dict[str, Factor], from_json('{"long_stay": 9}')] = Field(default_factory=dict)
