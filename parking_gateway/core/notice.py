"""Notices: what an operator has to be told once. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.space import SpaceId


class NoticeKind(StrEnum):
    """The reason of a notice, and the last level of its topic."""

    CONFLICT = "conflict"
    """A reservation begins under a parked car."""
    NO_SHOW = "no_show"
    """Nobody came, and the reservation is over."""
    OVERSTAY = "overstay"
    """A car stays for longer than it may."""
    MAINTENANCE_DUE = "maintenance_due"
    """The planned end of a maintenance has come."""
    SILENT = "silent"
    """No uplink of a device for `lost_after`."""
    HEARD_AGAIN = "heard_again"
    """An uplink of a device of which a notice said that it was silent."""
    BATTERY_LOW = "battery_low"
    TAMPER = "tamper"
    FAULT = "fault"
    """A device reports a fault of its own."""
    STUCK = "stuck"
    """A sensor has the same occupancy for far longer than its neighbours."""
    UNDECODABLE = "undecodable"
    """Several frames of a device in a row cannot be decoded."""
    OBSERVED = "observed"
    """An installation was observed for as many uplinks as it was to be. With the next one it decides its space."""
    CLOCK = "clock"
    """A clock is wrong."""
    UPLINKS_LOST = "uplinks_lost"
    """Uplinks are missing by their frame counters."""
    DOWNLINK_FAILED = "downlink_failed"
    DRIFT = "drift"
    """A counted zone differs from what a person counted."""
    TEST = "test"
    """A person tries the recipients of alerts."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """What an operator has to be told once. It is published, and kept in the table `notice`."""

    kind: NoticeKind
    at: datetime
    space: SpaceId | None = None
    dev_eui: DevEui | None = None
    details: dict[str, Any] = {}
    """Values that JSON has. The names depend on the kind; docs/reference/contract.md lists them."""
