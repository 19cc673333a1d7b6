"""The section [limits]: what a publisher of events can make the gateway store."""

from typing import Annotated

from pydantic import Field

from parking_gateway.process.config.values import Section, WholeNumber


class LimitsConfig(Section):
    """Amounts for an hour. Nothing beyond them is lost or delayed."""

    new_devices_per_hour: Annotated[WholeNumber, Field(ge=0, le=10_000_000)] = 20_000
    rejected_bytes_per_hour: Annotated[WholeNumber, Field(ge=0, le=1_000_000_000_000)] = 100_000_000
