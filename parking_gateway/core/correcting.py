"""The difference between the history as it is kept and as it should be: rows to withdraw, and rows to add. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeVar

import msgspec

from parking_gateway.core.space import Space, SpaceState, Transition

One = TypeVar("One")
Other = TypeVar("Other")


class Logged(msgspec.Struct, frozen=True, gc=False):
    """A step as the log has it."""

    id: int
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A stay as it is kept, or as it should be."""

    id: int | None
    """None: it has no row. Either it should have one, or the car is there, and the row of the space has its arrival."""
    arrived_at: datetime
    arrival: str
    departed_at: datetime | None = None
    """None: the car is there, or the rest of the stay follows with the next window."""
    departure: str | None = None
    reservation: str | None = None
    is_overstay: bool = False
    corrects: int | None = None
    is_present: bool = False
    """Whether the car is there."""

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two of them the same."""
        return self.arrived_at, self.departed_at, self.arrival, self.departure, self.reservation


class StepCorrection(msgspec.Struct, frozen=True, gc=False):
    """A row for the log."""

    step: Transition
    corrects: int | None
    """None: the log lacked the step."""
    is_withdrawal: bool = False
    """The row only says that the step which it corrects did not happen."""


class StayCorrection(msgspec.Struct, frozen=True, gc=False):
    """A row for the stays."""

    stay: Kept
    corrects: int | None
    is_withdrawal: bool = False


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """How the history of a space has to be changed."""

    space: Space
    """As it is afterwards. If nothing changes, it is the same object."""
    steps: list[StepCorrection] = []
    stays: list[StayCorrection] = []
    wrong_steps: list[Logged] = []
    wrong_stays: list[Kept] = []
    present: Kept | None = None
    """The stay of the car that is there."""
    was_present: Kept | None = None
    """The same before the correction."""
    is_settled: bool = True
    """Whether what follows the window has to be as it is."""


def step_corrections(
    space: Space, logged: Sequence[Logged], made: Sequence[Transition]
) -> tuple[list[Logged], list[StepCorrection]]:
    """The wrong steps of the log, and the rows in place of them.

    Steps of one time are kept or withdrawn together, because only their ids have an order.
    """
    was, should_be = _by_time(logged), _by_time(made)
    wrong = [one for at, steps in was.items() if not _alike(steps, should_be.get(at, ())) for one in steps]
    right = [one for at, steps in should_be.items() if not _alike(steps, was.get(at, ())) for one in steps]
    pairs = _paired(
        right,
        wrong,
        lambda one, other: (one.after, one.cause) == (other.after, other.cause),
        lambda one, other: (one.before, one.after) == (other.before, other.after),
    )
    rows = [StepCorrection(one, None if other is None else other.id) for one, other in pairs]
    replaced = {row.corrects for row in rows}
    rows += [
        StepCorrection(
            Transition(space=space.id, before=one.before, after=one.after, at=one.at, cause=one.cause),
            corrects=one.id,
            is_withdrawal=True,
        )
        for one in wrong
        if one.id not in replaced
    ]
    return wrong, sorted(rows, key=lambda row: row.step.at)


def stay_corrections(kept: Sequence[Kept], stays: Sequence[Kept]) -> tuple[list[Kept], list[StayCorrection]]:
    """The wrong stays among the kept ones, and the rows in place of them. The stay of a car that is there has no row."""
    was = {one.key for one in kept if not one.is_present}
    should_be = {one.key for one in stays if not one.is_present}
    wrong = [one for one in kept if not one.is_present and one.key not in should_be]
    right = [one for one in stays if not one.is_present and one.key not in was]
    pairs = _paired(
        right,
        wrong,
        lambda one, other: one.arrival == other.arrival,
        lambda one, other: one.departure == other.departure,
    )
    rows = [
        StayCorrection(_with_overstay(one, other), None if other is None else _published(other)) for one, other in pairs
    ]
    replaced = {id(other) for _, other in pairs}
    rows += [
        StayCorrection(one, published, is_withdrawal=True)
        for one in wrong
        if id(one) not in replaced and (published := _published(one)) is not None
    ]
    return wrong, rows


def _published(stay: Kept) -> int | None:
    """The id that subscribers know. A stay whose rest is missing was not published."""
    return stay.corrects if stay.departed_at is None else stay.id


def _with_overstay(stay: Kept, replaced: Kept | None) -> Kept:
    if replaced is None or stay.is_overstay or not replaced.is_overstay:
        return stay
    return msgspec.structs.replace(stay, is_overstay=True)


def _by_time(steps: Iterable[One]) -> dict[datetime, list[One]]:
    return {at: list(some) for at, some in groupby(steps, key=lambda one: one.at)}  # type: ignore[attr-defined]


def _alike(some: Iterable[Logged | Transition], others: Iterable[Logged | Transition]) -> bool:
    return [(one.before, one.after, one.cause) for one in some] == [
        (one.before, one.after, one.cause) for one in others
    ]


def _paired(
    right: Sequence[One], wrong: Sequence[Other], *alike: Callable[[One, Other], bool]
) -> list[tuple[One, Other | None]]:
    """Each right one with the wrong one that it replaces: first by the first rule, then by the second, in their order."""
    found: dict[int, Other] = {}
    left = list(wrong)
    for rule in alike:
        for number, one in enumerate(right):
            if number in found:
                continue
            other = next((other for other in left if rule(one, other)), None)
            if other is not None:
                found[number] = other
                left.remove(other)
    return [(one, found.get(number)) for number, one in enumerate(right)]
