"""Guesses the occupancy: booleans, pairs of words, and 0 and 1, under a name that speaks of a car or a space."""

import re
from collections.abc import Iterator
from typing import Final

from decoders import Occupancy
from parking_gateway.decoding.declared.declaration import OccupancySource, Scalar, comparable
from parking_gateway.decoding.importing.guess import Guess
from parking_gateway.decoding.importing.outputs import Seen

_OCCUPIED_NAME: Final = re.compile(r"(?:^|_)(?:occupied|occupancy|occupation|parked)(?:_|$)")
_VACANT_NAME: Final = re.compile(r"(?:^|_)(?:vacant|vacancy|unoccupied|(?:not|un|non)_(?:occupied|parked))(?:_|$)")
_BUSY_NAME: Final = re.compile(r"(?:^|_)busy$")
_FREE_NAME: Final = re.compile(r"(?:^|_)(?:free|empty|available)$")
"""Names of many other things too."""
_CAR_NAME: Final = re.compile(
    r"(?:^|_)(?:park|parking|car|vehicle|bay|slot|space|spot|lot)(?:_(?:status|state|present|presence|detected|detection|flag"
    r"|on_off|event|occupancy|space))*$"
)
_PLAIN_NAME: Final = re.compile(r"(?:^|_)(?:status|state|presence|present|detected|detection|event|type)$")
_NOT: Final = re.compile(
    r"(?:^|_)(?:count|counter|duration|time|times|battery|alarm|heap|error|confidence|probability|rate|ratio|percent|percentage|level|update|sensor_state|device_status"
    r"|threshold|change|changes|delay|interval|total|id|version|memory)(?:_|$)"
)

_OCCUPIED_WORDS: Final = re.compile(
    r"\b(?:occupied|occupancy|busy|parked|parks|taken|full|present|in[_ ]use|(?:car|vehicle)(?:[_ ](?:present|detected|arrived|arrives|in"
    r"|on|parked))?|arrival|arrived|arrives|enter(?:s|ed)?)\b"
)
_VACANT_WORDS: Final = re.compile(
    r"\b(?:un[_ -]?occupied|(?:not|non)[_ -](?:occupied|parked|present|busy|taken)|vacant|vacancy|free|empty|available|absent|no[_ ](?:car|vehicle)"
    r"(?:[_ ]\w+)?|(?:car|vehicle)[_ ](?:absent|left|leaves|leaving|gone|out|off|departed|departs)|departed|departs|departure|left|leaves|leaving)\b"
)
_UNKNOWN_WORDS: Final = re.compile(
    r"\b(?:unknown|undefined|calibrat\w*|initial\w*|init|error|none|n/?a|invalid|reserved)\b"
)


def guesses(seen: Seen) -> Iterator[Guess]:
    """Yield how the values at a path can be an occupancy."""
    weight = _weight(seen.words)
    if not weight or not 1 <= len(seen.distinct) <= _MOST_VALUES:
        return
    texts = [value for value in seen.distinct if isinstance(value, str)]
    pair = _pair(seen.distinct)
    if pair is not None and weight > _WEAK:
        yield from _by_two_values(seen, pair, weight)
    elif texts and len(texts) == len(seen.distinct):
        yield from _by_words(seen, texts, weight)


_MOST_VALUES: Final = 8
_PAIRS: Final[tuple[tuple[Scalar, Scalar], ...]] = (
    (True, False), (1, 0), ("true", "false"), ("yes", "no"), ("on", "off"), ("1", "0"), ("TRUE", "FALSE"), ("True", "False"),
    ("YES", "NO"), ("Yes", "No"), ("ON", "OFF"), ("On", "Off"),
)  # fmt: skip
"""Set and unset."""
_WEAK: Final = 1
"""Names like `status` speak of anything: only words as values make it an occupancy."""


def meaning_of(text: str) -> Occupancy | None:
    """Return what a word or a sentence says of a space; None: nothing, or both."""
    lower = text.lower()
    vacant = bool(_VACANT_WORDS.search(lower))
    occupied = bool(_OCCUPIED_WORDS.search(_VACANT_WORDS.sub(" ", lower)))
    if vacant == occupied:
        return None
    return Occupancy.VACANT if vacant else Occupancy.OCCUPIED


def _weight(words: str) -> int:
    if _NOT.search(words) and not words.endswith("alarm_park"):
        return 0
    weights = (
        (_OCCUPIED_NAME, 4),
        (_VACANT_NAME, 4),
        (_CAR_NAME, 3),
        (_BUSY_NAME, 2),
        (_FREE_NAME, 2),
        (_PLAIN_NAME, _WEAK),
    )
    return next((weight for pattern, weight in weights if pattern.search(words)), 0)


def _pair(values: list[Scalar]) -> tuple[Scalar, Scalar] | None:
    """Return the pair of set and unset that all values are of."""
    kinds = {comparable(value) for value in values}
    return next((pair for pair in _PAIRS if kinds <= set(map(comparable, pair))), None)


def _by_words(seen: Seen, texts: list[str], weight: int) -> Iterator[Guess]:
    by_text = {text: meaning_of(text) for text in texts}
    occupied = tuple(text for text, meaning in by_text.items() if meaning is Occupancy.OCCUPIED)
    vacant = tuple(text for text, meaning in by_text.items() if meaning is Occupancy.VACANT)
    others = [text for text, meaning in by_text.items() if meaning is None]
    if not (occupied or vacant):
        return
    yield Guess(
        field="occupancy",
        source=OccupancySource(
            path=seen.path,
            occupied=occupied or ("occupied",),
            vacant=vacant or ("vacant",),
            none=tuple(others),
        ),
        why=_why(
            _shown(occupied), _shown(vacant), [text for text in others if not _UNKNOWN_WORDS.search(text.lower())]
        ),
        is_proven=bool(occupied and vacant),
        weight=weight + 1 if occupied and vacant else weight,
    )


def _by_two_values(seen: Seen, pair: tuple[Scalar, Scalar], weight: int) -> Iterator[Guess]:
    """Booleans, 0 and 1, yes and no. The name gives their meaning, or the names of the examples do."""
    set_, unset = pair
    is_vacant_name = bool(_VACANT_NAME.search(seen.words) or _FREE_NAME.search(seen.words))
    is_occupied_name = bool(_OCCUPIED_NAME.search(seen.words) or _BUSY_NAME.search(seen.words)) and not is_vacant_name
    is_named = is_vacant_name or is_occupied_name or isinstance(set_, bool) or set_ not in {1, "1"}
    by_example = {_by_example(value == set_, name) for value, name in seen.values} - {None}
    if by_example == {True, False}:
        return  # the names of the examples contradict each other
    is_reversed = is_vacant_name if is_named or not by_example else by_example == {False}
    is_contradicted = bool(by_example) and by_example != {not is_reversed}
    occupied, vacant = (unset, set_) if is_reversed else (set_, unset)
    has_both = len(seen.distinct) > 1
    yield Guess(
        field="occupancy",
        source=OccupancySource(path=seen.path, occupied=(occupied,), vacant=(vacant,)),
        why=_why(
            _shown([occupied] if occupied in seen.distinct else []),
            _shown([vacant] if vacant in seen.distinct else []),
            [],
        )
        + ("" if is_named or by_example else f"; that {set_} is occupied is a guess")
        + ("; the names of the examples say the opposite" if is_contradicted else ""),
        is_proven=has_both and (is_named or bool(by_example)) and not is_contradicted,
        weight=weight + has_both,
    )


def _by_example(is_set: bool, name: str) -> bool | None:  # noqa: FBT001 - the value itself
    """Return whether a set value is occupied, by the name of an example."""
    meaning = meaning_of(name)
    return None if meaning is None else (meaning is Occupancy.OCCUPIED) == is_set


def _why(occupied: str, vacant: str, others: list[str]) -> str:
    if occupied and vacant:
        why = f"examples show occupied ({occupied}) and vacant ({vacant})"
    else:
        why = f"examples show only {f'occupied ({occupied})' if occupied else f'vacant ({vacant})'}"
    return f"{why}; without a meaning: {', '.join(others)}" if others else why


def _shown(values: "tuple[str, ...] | list[Scalar]") -> str:
    return ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
