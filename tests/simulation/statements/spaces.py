"""Spaces: locked with their installations, and saved."""

import json
from typing import Any, Final

from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, STEP_BACK, elements, keys, rows

_CHANGED: Final = [
    "state",
    "since",
    "previous",
    "cause",
    "occupancy",
    "seen_at",
    "seen_dev_addr",
    "seen_f_cnt",
    "contact",
    "heard_at",
    "reservation",
    "reserved_from",
    "reserved_until",
    "reserved_checked_in",
    "reserved_kept",
    "service",
    "service_at",
    "maintenance_reason",
    "battery_percent",
    "battery_at",
    "battery_dev_addr",
    "battery_f_cnt",
    "version",
    "overstay",
    "maintenance_until",
    "offered_at",
]
_BOOKING: Final = ("reservation", "reserved_from", "reserved_until", "reserved_checked_in", "reserved_kept")


def new_space(key: int, name: str, at: Any) -> Row:
    """A space as the register makes it, in the zone 1."""
    return {
        **dict.fromkeys(_CHANGED),
        **dict.fromkeys(("sensors", "arrived_at", "arrival", "arrived_for", "published_transition_at", "audience")),
        "id": key,
        "zone_id": 1,
        "name": name,
        "state": "FREE",
        "since": at,
        "seen_f_cnt": 0,
        "contact": "never",
        "reserved_checked_in": False,
        "reserved_kept": False,
        "service": "in_service",
        "updated_at": at,
        "version": 1,
        "published_version": 0,
        "published_transition": 0,
        "watched_since": EPOCH,
    }


async def _lock(transaction: Transaction, arguments: Arguments) -> Rows:
    wanted = set(elements(arguments["dev_eui"]))
    # The row of the space alone is read again after a wait.
    installed = sorted((row["space_id"], *key, row) for key, row in transaction.all("installation") if key[0] in wanted)
    found = []
    for space_id, dev_eui, channel, one in installed:
        space = await transaction.lock("space", space_id)
        assert space is not None
        row = (dev_eui, channel, one["codec"], one["options"], one["snapshot"], *_locked(space, transaction))
        found.append(row)
    return found


async def _lock_by_id(transaction: Transaction, arguments: Arguments) -> Rows:
    found = [await transaction.lock("space", key) for key in keys(arguments)]
    return [_locked(space, transaction) for space in found if space is not None]


def _locked(space: Row, transaction: Transaction) -> tuple[Any, ...]:
    future = transaction.now + STEP_BACK

    def believed(name: str) -> Any:
        return EPOCH if space[name] is not None and space[name] > future else space[name]

    return (
        space["ctid"],
        space["id"],
        space["since"],
        space["occupancy"],
        believed("seen_at"),
        space["seen_dev_addr"],
        space["seen_f_cnt"],
        space["contact"],
        believed("heard_at"),
        _special(space),
        space["service_at"],
        space["offered_at"],
        space["battery_percent"],
        believed("battery_at"),
        space["battery_dev_addr"],
        space["battery_f_cnt"],
        space["previous"],
        space["cause"],
        space["version"],
    )


def _special(space: Row) -> str | None:
    names = ("reservation", "overstay", "sensors")
    if space["service"] == "in_service" and all(space[name] is None for name in names):
        return None
    booking = [space[name] for name in _BOOKING] if space["reservation"] is not None else None
    special = [space[name] for name in ("service", "maintenance_reason", "maintenance_until", "overstay", "sensors")]
    return json.dumps([booking, *special, None], default=lambda one: one.isoformat())


def placed(transaction: Transaction, place: str) -> Row | None:
    """The row at this place, if it is its newest version."""
    row = transaction.get("space", int(place[1 : place.index(",")]))
    return row if row is not None and row["ctid"] == place else None


def names_of(transaction: Transaction, space_id: int | None) -> tuple[str | None, str | None, str | None]:
    """The names of a space: site, zone and space."""
    space = None if space_id is None else transaction.get("space", space_id)
    zone = space and transaction.get("zone", space["zone_id"])
    site = zone and transaction.get("site", zone["site_id"])
    return (site["name"], zone["name"], space["name"]) if space and zone and site else (None, None, None)


async def _save_clocks(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        space = placed(transaction, one.pop("row"))
        if space is not None:
            heard_at = one.get("heard_at") or one["seen_at"]
            transaction.put("space", space["id"], space | one | {"heard_at": heard_at})
    return ()


async def _save_changes(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        space = placed(transaction, one["row"])
        if space is None:
            continue
        came, is_occupied = one["arrived_at"], one["occupancy"] == "occupied"
        known = {
            "arrived_at": (came or space["arrived_at"]) if is_occupied else None,
            "arrival": (one["arrival"] if one["arrival"] is not None else space["arrival"]) if is_occupied else None,
            "arrived_for": (one["arrived_for"] if came else space["arrived_for"]) if is_occupied else None,
            "sensors": one["sensors"] and json.loads(one["sensors"]),
            "updated_at": space["updated_at"] if space["version"] == one["version"] else arguments["updated_at"],
        }
        transaction.put("space", space["id"], space | {name: one[name] for name in _CHANGED} | known)
    return ()


STATEMENTS: Final = {
    b"lock_spaces": _lock,
    b"lock_spaces_by_id": _lock_by_id,
    b"save_clocks": _save_clocks,
    b"save_battery_clocks": _save_clocks,
    b"save_changes": _save_changes,
}
