"""The past of spaces: what is doubted, and what is known of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from parking_gateway.store import history
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import STEP_BACK, elements, rows
from tests.simulation.statements.uplinks import of_device

_DAY: Final = timedelta(hours=25)
_LONG: Final = timedelta(days=40)


async def _try(transaction: Transaction, _arguments: Arguments) -> Rows:
    return [(transaction.try_lock("advisory", "history"),)]


async def _doubted(transaction: Transaction, arguments: Arguments) -> Rows:
    doubted = sorted((row["since"], key) for key, row in transaction.all("late"))[: arguments["limit"]]
    found: list[tuple[Any, ...]] = []
    for _, space in doubted:
        found += [(one,) for one in _watching(transaction, space)] or [(None,)]
    return found


def _watching(transaction: Transaction, space: int) -> list[str]:
    return sorted({key[0] for key, row in transaction.all("installation") if row["space_id"] == space})


async def _doubts(transaction: Transaction, arguments: Arguments) -> Rows:
    found = [transaction.get("late", key) for key in elements(arguments["spaces"])]
    return [(row["space"], row["since"], row["until"], transaction.now) for row in found if row is not None]


async def _forget_unwatched(transaction: Transaction, _arguments: Arguments) -> Rows:
    watched = {row["space_id"] for _, row in transaction.all("installation")}
    for key, _ in list(transaction.all("late")):
        if key not in watched:
            await transaction.lock("late", key)
            transaction.delete("late", key)
    return ()


async def _frames(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for key in elements(arguments["spaces"]):
        late, space = transaction.get("late", key), transaction.get("space", key)
        if late is None or space is None:
            continue
        for device in _watching(transaction, key):
            heard = of_device(transaction, device)
            since = max(late["since"], space["watched_since"])
            until = transaction.now + STEP_BACK
            within = [row for row in heard if since <= row["heard_at"] <= until][: arguments["limit"]]
            reach = STEP_BACK if space["sensors"] is None else timedelta(days=31)
            earliest = max(late["since"] - reach, space["watched_since"])
            before = [row for row in heard if earliest <= row["heard_at"] < late["since"]][-history.BEFORE :]
            found += [(key, *(row[name] for name in history.FRAME), row["heard_at"]) for row in (*before, *within)]
    place = history.FRAME.index("f_cnt") + 1
    return sorted(found, key=lambda one: (one[0], one[-1], one[place]))


def _parts(arguments: Arguments) -> Iterator[tuple[int, datetime, datetime | None]]:
    for one in rows(arguments):
        yield one["space"], one["since"], one["until"]


def _of_space(transaction: Transaction, table: str, space: int) -> list[Row]:
    return [row for _, row in transaction.all(table) if row["space"] == space and row.get("withdrawn_at") is None]


def _is_until(at: datetime, until: datetime | None) -> bool:
    return until is None or at <= until


async def _steps(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for space, since, until in _parts(arguments):
        steps = _of_space(transaction, "transition", space)
        within = [row for row in steps if row["at"] > since - _DAY and _is_until(row["at"], until)]
        month = [row for row in steps if since - _LONG < row["at"] <= since - _DAY]
        older = [row for row in steps if row["at"] <= since - _LONG]
        last = sorted(month, key=lambda row: (row["at"], row["id"]))[-1:]
        found += [*within, *last, *sorted(older, key=lambda row: row["id"])[-1:]]
    names = ("space", "id", "from", "to", "at", "cause")
    return [tuple(row[name] for name in names) for row in sorted(found, key=lambda row: (row["at"], row["id"]))]


async def _stays(transaction: Transaction, arguments: Arguments) -> Rows:
    found: list[tuple[Any, ...]] = []
    for key, since, until in _parts(arguments):
        stays = _of_space(transaction, "past_stay", key)
        within = [row for row in stays if row["arrived_at"] > since - _DAY and _is_until(row["arrived_at"], until)]
        before = sorted((row for row in stays if row["arrived_at"] <= since - _DAY), key=lambda row: row["arrived_at"])
        names = ("id", "arrived_at", "arrival", "departed_at", "departure", "reservation", "overstay", "corrects")
        found += [(key, *(row[name] for name in names), False) for row in (*within, *before[-1:])]
        space = transaction.get("space", key)
        if space is not None and space["arrived_at"] is not None:
            present = (space["arrived_at"], space["arrival"] or "", None, None, space["arrived_for"])
            found.append((key, None, *present, space["overstay"] is not None, None, True))
    return sorted(found, key=lambda one: (one[2], one[1] is None, one[1]))


async def _offers(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for space, since, until in _parts(arguments):
        offers = sorted(_of_space(transaction, "offer", space), key=lambda row: (row["at"], row["id"]))
        found += [row for row in offers if row["at"] > since and _is_until(row["at"], until)]
        found += [row for row in offers if row["at"] <= since][-1:]
    names = ("space", "service", "reservation", "at", "cause")
    return [tuple(row[name] for name in names) for row in sorted(found, key=lambda row: (row["at"], row["id"]))]


async def _behind(transaction: Transaction, arguments: Arguments) -> Rows:
    return [
        (space, row["deduplication_id"])
        for space, _, until in _parts(arguments)
        if until is not None
        for device in _watching(transaction, space)
        for row in of_device(transaction, device)
        if until < row["heard_at"] <= until + _DAY
    ]


_PAST: Final = zip(history.past([]), (_steps, _stays, _offers, _behind), strict=True)
STATEMENTS: Final = {
    history.try_lock().statement.name: _try,
    history.doubted(1).statement.name: _doubted,
    history.doubts([]).statement.name: _doubts,
    history.forget_unwatched().statement.name: _forget_unwatched,
    history.frames([], limit=1).statement.name: _frames,
    **{query.statement.name: execute for query, execute in _PAST},
}
