"""Silence: devices that were not heard for as long as they may be silent, and the notices of them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from parking_gateway.core.events import DevEui
from parking_gateway.core.problems import Problem
from parking_gateway.store import devices, notices, silent
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from parking_gateway.store.silent import SilenceLimits
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, keys
from tests.simulation.statements.uplinks import of_device

_ORDER: Final = list(Problem)


async def _silent(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for (dev_eui, _), one in sorted(transaction.all("installation"), key=lambda each: each[0]):
        space, device = transaction.get("space", one["space_id"]), transaction.get("device", dev_eui)
        seconds = _seconds(arguments, device, one["codec"])
        if space is not None and space["contact"] == "live" and _is_silent(space["heard_at"], seconds, arguments):
            found.append((dev_eui, seconds))
    return found


async def _silent_without_space(transaction: Transaction, arguments: Arguments) -> Rows:
    installed = {dev_eui for (dev_eui, _), _ in transaction.all("installation")}
    found = []
    for dev_eui, one in sorted(transaction.all("device")):
        if dev_eui in installed or one["contact"] != "live":
            continue
        heard = [row["heard_at"] for row in of_device(transaction, dev_eui)]
        last = max([at for at in heard if one["heard_at"] <= at <= arguments["now"]], default=one["heard_at"])
        if _is_silent(last, _seconds(arguments, one, None), arguments):
            found.append((dev_eui, last))
    return found


def _seconds(arguments: Arguments, device: Row | None, codec: str | None) -> float:
    by_profile, by_codec = json.loads(arguments["by_profile"]), json.loads(arguments["by_codec"])
    known: Row = device or {"profile": None, "codec": None}
    default = by_codec.get(codec or known["codec"], arguments["lost_after"])
    return float(by_profile.get(known["profile"], default))


def _is_silent(heard_at: Any, seconds: float, arguments: Arguments) -> bool:
    last = max(heard_at or arguments["listening_since"], arguments["listening_since"])
    return bool(last < arguments["now"] - timedelta(seconds=seconds))


async def _lose(transaction: Transaction, arguments: Arguments) -> Rows:
    for key in keys(arguments, "dev_euis"):
        row = await transaction.lock("device", key)
        if row is not None and row["contact"] == "live":
            problems = sorted({*row["problems"], "silent"}, key=lambda one: _ORDER.index(Problem(one)))
            transaction.change("device", key, contact="lost", problems=problems, version=row["version"] + 1)
    return ()


async def _heard_again(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for key, row in list(_notices(transaction)):
        device = transaction.get("device", row["dev_eui"])
        if row["over_at"] is not None or device is None or device["contact"] != "live":
            continue
        now = await transaction.lock("notice", key)
        if now is not None and now["over_at"] is None:
            transaction.change("notice", key, over_at=arguments["now"])
            watched = sorted((one[0], each["space_id"]) for one, each in _installed(transaction, row["dev_eui"]))
            found.append((key, row["dev_eui"], watched[0][1] if watched else None))
    return found


def _installed(transaction: Transaction, dev_eui: str) -> Iterator[tuple[Any, Row]]:
    return ((key[1:], row) for key, row in transaction.all("installation") if key[0] == dev_eui)


def _notices(transaction: Transaction) -> Iterator[tuple[Any, Row]]:
    for key, row in transaction.all("notice"):
        if row["kind"] == "silent" and row["dev_eui"] is not None:
            yield key, row


async def _silent_since(transaction: Transaction, arguments: Arguments) -> Rows:
    return [(sum(row["at"] > arguments["since"] for _, row in _notices(transaction)),)]


_LIMITS: Final = SilenceLimits(default=timedelta(days=1))
STATEMENTS: Final = {
    silent.devices(EPOCH, EPOCH, _LIMITS).statement.name: _silent,
    silent.devices_without_space(EPOCH, EPOCH, _LIMITS).statement.name: _silent_without_space,
    devices.lose([DevEui("")])[0].statement.name: _lose,
    notices.heard_again(EPOCH).statement.name: _heard_again,
    notices.silent_since(EPOCH).statement.name: _silent_since,
}
