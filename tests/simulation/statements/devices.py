"""Devices: their rows and the copies of their published values."""

import json
from typing import Any, Final

from parking_gateway.core.events import DevEui
from parking_gateway.core.problems import Problem
from parking_gateway.store import devices, fleet
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import STEP_BACK, keys, rows
from tests.simulation.statements.uplinks import of_device

_BATTERY: Final = ("battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt")
_COALESCED: Final = [
    "application_id",
    "codec",
    "battery_volts",
    "temperature_celsius",
    "distance_mm",
    "counter",
    "counter_in",
    "counter_out",
    "confidence",
    "fault",
    "tamper",
]
_ORDER: Final = list(Problem)


def new_device(dev_eui: str) -> Row:
    """A device as the register makes it."""
    return {
        **dict.fromkeys((*_BATTERY, *_COALESCED, "heard_at", "dev_addr", "f_cnt", "dr", "rssi", "snr")),
        **dict.fromkeys(("fault_at", "tamper_at", "downlink", "channels")),
        "dev_eui": dev_eui,
        "name": "",
        "profile": "",
        "application": "",
        "tags": {},
        "contact": "never",
        "problems": [],
        "uplinks_lost": 0,
        "version": 1,
        "published_version": 0,
    }


async def _update(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in sorted(rows(arguments), key=lambda row: str(row["dev_eui"])):
        if _came_late(transaction, one, arguments["counters_apart"]):
            continue
        known = await transaction.lock("device", one["dev_eui"])
        transaction.put("device", one["dev_eui"], _updated(transaction, known, one, arguments["counters_apart"]))
    return ()


def _updated(transaction: Transaction, known: Row | None, one: Row, apart: int) -> Row:
    before = known or new_device(one["dev_eui"])
    after = before | one | {"contact": "live", "tags": json.loads(one["tags"])}
    for name in _COALESCED:
        after[name] = before[name] if one[name] is None else one[name]
    if one["fault"] is not None or one["tamper"]:
        after["distance_mm"] = one["distance_mm"]
    channels = one["channels"] and json.loads(one["channels"])
    after["channels"] = before["channels"] if channels is None else (before["channels"] or {}) | channels
    after["fault_at"] = before["fault_at"] if one["fault"] is None else one["heard_at"]
    after["tamper_at"] = one["heard_at"] if one["tamper"] else before["tamper_at"]
    if known is not None:
        if one["battery_percent"] is None or _has_later_battery(transaction, known, one, apart):
            after |= {name: known[name] for name in _BATTERY}
        after["problems"] = [name for name in known["problems"] if name not in ("silent", "clock")]
        after["version"] = known["version"] + 1
    return after


def _came_late(transaction: Transaction, one: Row, apart: int) -> bool:
    """Whether a later frame of the device is recorded."""
    return any(
        _is_later(recent, one, apart)
        for recent in of_device(transaction, one["dev_eui"])
        if one["heard_at"] - STEP_BACK <= recent["heard_at"] <= transaction.now + STEP_BACK
    )


def _has_later_battery(transaction: Transaction, known: Row, one: Row, apart: int) -> bool:
    if known["battery_at"] is None or known["battery_at"] > transaction.now + STEP_BACK:
        return False
    names = dict(zip(("heard_at", "dev_addr", "f_cnt"), _BATTERY[1:], strict=True))
    ours, new = ({name: row[column] for name, column in names.items()} for row in (known, one))
    is_lower = one["battery_at"] == known["battery_at"] and one["battery_percent"] < known["battery_percent"]
    return _is_later(ours, new, apart) or is_lower


def _is_later(one: Row, than: Row, apart: int) -> bool:
    of_one_session = (
        one["dev_addr"] is not None
        and one["dev_addr"] == than["dev_addr"]
        and abs(one["f_cnt"] - than["f_cnt"]) <= apart
        and abs(one["heard_at"] - than["heard_at"]) <= STEP_BACK
    )
    order = ("f_cnt", "heard_at") if of_one_session else ("heard_at", "f_cnt")
    return tuple(one[name] for name in order) > tuple(than[name] for name in order)


async def _copy_snapshots(transaction: Transaction, arguments: Arguments) -> Rows:
    place = int(arguments["place_of_battery"].strip("{}"))
    new = {(one["dev_eui"], one["heard_at"]): one["snapshot"] for one in rows(arguments)}
    for key, installation in list(transaction.all("installation")):
        device = transaction.get("device", key[0])
        snapshot = new.get((key[0], device and device["heard_at"]))
        if device is not None and snapshot is not None:
            values = json.loads(snapshot)
            values[place] = device["battery_percent"]
            await transaction.lock("installation", key)
            transaction.put("installation", key, installation | {"snapshot": json.dumps(values)})
    return ()


async def _with_right_clock(transaction: Transaction, arguments: Arguments) -> Rows:
    found = [transaction.get("device", key) for key in keys(arguments, "dev_euis")]
    return [(row["dev_eui"],) for row in found if row is not None and "clock" not in row["problems"]]


async def _mark_clock(transaction: Transaction, arguments: Arguments) -> Rows:
    for key in keys(arguments, "dev_euis"):
        row = await transaction.lock("device", key)
        if row is not None and "clock" not in row["problems"]:
            problems = sorted([*row["problems"], "clock"], key=lambda one: _ORDER.index(Problem(one)))
            transaction.change("device", key, problems=problems, version=row["version"] + 1)
    return ()


async def _forget_snapshots(transaction: Transaction, arguments: Arguments) -> Rows:
    given = set(keys(arguments, "dev_euis"))
    for key, row in list(transaction.all("installation")):
        if key[0] in given and row["snapshot"] is not None:
            await transaction.lock("installation", key)
            transaction.change("installation", key, snapshot=None)
    return ()


async def _identities(transaction: Transaction, arguments: Arguments) -> Rows:
    names = ("dev_eui", "name", "profile", "application", "tags")
    found: list[Any] = [transaction.get("device", key) for key in keys(arguments, "batch_dev_eui")]
    return [tuple(row[name] for name in names) for row in found if row is not None and row["heard_at"] is not None]


_ONE: Final = [DevEui("")]
STATEMENTS: Final = {
    b"update_devices": _update,
    b"copy_snapshots": _copy_snapshots,
    devices.with_right_clock(_ONE).statement.name: _with_right_clock,
    devices.mark_clock(_ONE)[0].statement.name: _mark_clock,
    devices.mark_clock(_ONE)[1].statement.name: _forget_snapshots,
    fleet.identities(_ONE).statement.name: _identities,
}
