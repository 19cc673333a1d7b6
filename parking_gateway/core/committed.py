"""The result of one transaction, whatever its cause. `telemetry.report` makes log, metrics and the outbox's wake-up of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from parking_gateway.core.device import DeviceReading
from parking_gateway.core.due import Due, DueCounts
from parking_gateway.core.events import DeadLetter, DevEui, DeviceEvent, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.notice import Notice
from parking_gateway.core.problems import Problem
from parking_gateway.core.reservation import ReservationStep
from parking_gateway.core.space import Contact, SpaceId, Transition
from parking_gateway.core.turn import Turn


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """A commit. Fields that do not belong to its cause are empty."""

    changed: list[SpaceId] = []
    """Spaces of which subscribers see a difference."""
    rows: Sequence[Due] = ()
    """The changed spaces as the transaction left them, with the steps that are not published. Empty: it has not read them."""
    has_new_counts: bool = False
    """Whether counters at entries and exits have changed zones."""
    steps: list[Transition] = []
    notices: list[Notice] = []
    """Written with the commit, to be published."""
    outgoing: int = 0
    """How many other messages were written to be published once."""
    reservations: list[ReservationStep] = []
    """What has become of reservations."""
    due_at: datetime | None = None
    """When the same round of the clock has work again, if that is sooner than usual."""
    downlinks_sent: int = 0
    """Attempts to send a downlink."""
    steps_corrected: int = 0
    """Rows that the log gained because uplinks had come late."""
    lost: list[DevEui] = []
    """Devices whose contact was lost, because they were silent for too long."""
    seconds: float = 0.0
    """From the first attempt to the commit, waits for a database that was away included."""
    decide_seconds: float = 0.0
    """Of them: the codecs and the turn."""
    write_seconds: float = 0.0
    """Of them: from the decision to the commit."""
    at: datetime | None = None
    """The time of the changes, as the rows have it."""
    received: Counter[str] = msgspec.field(default_factory=Counter)
    """Messages, by the name of the event that their topics give them."""
    recorded: list[Uplink] = []
    readings: Sequence[DeviceReading] = ()
    """Of the recorded uplinks."""
    watched: Mapping[DevEui, Sequence[Installation]] = {}
    """The spaces that their devices watch."""
    duplicates: int = 0
    unassigned: int = 0
    """Recorded uplinks of devices without an installation."""
    without_codec: int = 0
    """Recorded uplinks of installed devices for which nobody chose a codec."""
    wrong_clocks: list[Uplink | DeviceEvent] = []
    """Recorded with another time than they claim."""
    held_back: list[Uplink] = []
    """Recorded, but older than the last observation of their spaces by the clock, although their counters are higher."""
    rejected: list[DeadLetter] = []
    new_devices: int = 0
    """Rows of devices that were added."""
    device_problems: dict[Problem, int] | None = None
    """How many devices have each problem. None: they were not counted."""
    device_contacts: dict[Contact, int] | None = None
    """How many devices have each contact. None: they were not counted."""
    zones: list[DueCounts] | None = None
    """All zones with the numbers of their spaces. None: they were not counted."""
    uplinks_lost: dict[DevEui, int] = {}
    """Uplinks that are missing by their frame counters and were not before, by device."""
    uplinks_healed: int = 0
    """Uplinks that were missing and have come."""
    partitions_dropped: int = 0
    """Months whose rows were older than they are kept."""
    rows_deleted: int = 0
    """Such rows of default partitions."""
    outgoing_expired: int = 0
    """Messages that were deleted, because the broker has not taken them for too long."""
    drops_postponed: int = 0
    """Months that another session used."""


def committed_by(made: Turn, **others: Any) -> Committed:
    """The commit of a turn. `others` are the fields that its cause has beside those of the turn."""
    return Committed(
        changed=made.changed,
        steps=made.steps,
        notices=[*made.notices, *others.pop("notices", ())],
        reservations=made.reservations,
        outgoing=len(made.course.stays),
        **others,
    )


def together(*parts: Committed) -> Committed:
    """The changes of several turns of one transaction. Other fields are left out."""
    return Committed(
        changed=list(dict.fromkeys(one for part in parts for one in part.changed)),
        steps=[one for part in parts for one in part.steps],
        notices=[one for part in parts for one in part.notices],
        reservations=[one for part in parts for one in part.reservations],
        outgoing=sum(part.outgoing for part in parts),
    )
