"""The section [retention]: how long rows are kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from parking_gateway.process.config.machine import Folder
from parking_gateway.process.config.values import Section, WholeNumber

Days = Annotated[WholeNumber, Field(ge=0, le=36_500)]


class RetentionConfig(Section):
    """For how many days the rows of each table are kept, 0 for ever, and the folder of their archives."""

    uplinks: Days = 400
    past_readings: Days = 400
    device_events: Days = 400
    rejections: Days = 400
    requests: Days = 400
    transitions: Days = 0
    past_stays: Days = 0
    notices: Days = 400
    reservations: Days = 400
    occupancy_hours: Days = 0
    archive: Folder = None

    def kept_for(self, table: str) -> timedelta | None:
        """How long the rows of the table are kept; None: for ever."""
        days: int = getattr(self, f"{table}s")
        return timedelta(days=days) if days else None
