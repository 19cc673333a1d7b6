"""Guesses which values of a codec's outputs are which fields of a reading."""

from collections.abc import Iterable, Sequence
from typing import Any

from parking_gateway.decoding.importing import measurements, occupancy
from parking_gateway.decoding.importing.guess import Guess
from parking_gateway.decoding.importing.outputs import Seen, seen


def guessed(outputs: Sequence[tuple[str, Any]]) -> dict[str, Guess]:
    """Return the best guess for each field, from the data of the examples, each given with its example's name."""
    paths = seen(outputs)
    units = _units(paths)
    best: dict[str, Guess] = {}
    for path in paths:
        for guess in (*occupancy.guesses(path), *measurements.guesses(path, units)):
            if guess.field not in best or guess.weight > best[guess.field].weight:
                best[guess.field] = guess
    return _without_contradictions(best)


def is_proven(guesses: Iterable[Guess]) -> bool:
    """Return whether the examples prove what a space needs: both values of the occupancy, or else the distance."""
    by_field = {guess.field: guess for guess in guesses}
    needed = by_field.get("occupancy") or by_field.get("distance_mm")
    if needed is None:
        return {"counter_in", "counter_out"} <= by_field.keys()
    return needed.is_proven


def _units(paths: list[Seen]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        folder, _, name = path.path.rpartition(".")
        if name.lower() in {"unit", "units"} and folder and isinstance(path.distinct[0], str):
            found[folder] = path.distinct[0]
    return found


def _without_contradictions(best: dict[str, Guess]) -> dict[str, Guess]:
    """One path is one field: volts and percent of the same value, for example, cannot both be true."""
    used: dict[str, str] = {}
    for field, guess in sorted(best.items(), key=lambda item: (-item[1].is_proven, -item[1].weight)):
        used.setdefault(guess.source.path, field)
    return {field: guess for field, guess in best.items() if used[guess.source.path] == field}
