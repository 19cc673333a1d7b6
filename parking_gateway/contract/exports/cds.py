"""Curb Events of the Curb Data Specification (CDS) 1.0 as lines of CSV: `park_start` and `park_end`.

Its definition is https://github.com/openmobilityfoundation/curb-data-specification/blob/main/events/README.md. The columns are the
fields that the gateway knows, and every required one. A UUID is made from the operator's name and the numbers of the database, so
an event has the same one at every download, also after a place was renamed.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from parking_gateway.core.overview import Passage

COLUMNS: Final = (
    "event_id",
    "event_type",
    "event_location",
    "event_time",
    "event_publication_time",
    "event_session_id",
    "curb_zone_id",
    "curb_space_id",
    "data_source_type",
    "data_source_operator_name",
    "data_source_device_id",
    "data_source_device_name",
)
_EVENTS: Final = {"arrival": "park_start", "departure": "park_end"}


def header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def lines(passages: Iterable[Passage], *, operator: str) -> str:
    """A line for each car that came or left."""
    return _lines(_event(one, operator) for one in passages)


def _event(passage: Passage, operator: str) -> tuple[str, ...]:
    def identity(*parts: object) -> str:
        return str(uuid5(NAMESPACE_URL, "/".join(map(str, ("urn:parking-gateway", operator, *parts)))))

    stay = ("stay", passage.space_id, _milliseconds(passage.arrived_at))
    at = _milliseconds(passage.at)
    location = {
        "type": "Feature",
        "properties": {"timestamp": at},
        "geometry": {"type": "Point", "coordinates": [passage.position.lon, passage.position.lat]},
    }
    return (
        identity(*stay, passage.kind),
        _EVENTS[passage.kind],
        json.dumps(location, separators=(",", ":")),
        str(at),
        # The database does not have the time at which the uplink came, which mostly is a second later.
        str(at),
        identity(*stay),
        identity("zone", passage.zone_id),
        identity("space", passage.space_id),
        # Sensors are in the ground, above it or cameras; their codecs do not tell which.
        "other",
        operator,
        identity("device", passage.dev_eui or f"of space {passage.space_id}"),
        passage.dev_eui or "",
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
