"""Changes of an input in JSON: one value of it, at any place, becomes an odd one."""

import json
from random import Random
from typing import Any, Final

_REPLACES: Final = 0.1
"""The probability that an object or a list is replaced as a whole, instead of a value in it."""
_ODD_VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**32, 2**63, 2**64, 10**400),
    *("", "\0", "\ud800", "0" * 16, "G" * 16, "AA==", "A", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"),
    *("+", "#", "a/b", "$SYS/x", "a\nb", "\x1b[2J", "\u2028", "\u202e", "0" * 15 + "/", "x" * 5000),
    *([], {}, [None], {"": None}, {"\0": "\0"}, [[[[[[[[[]]]]]]]]]),
)


def bent_json(head: bytes, text: bytes, random: Random) -> bytes | None:
    """Return the head with the changed JSON behind it; None if the text is no JSON that contains a value."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    place: Any = document
    while isinstance(place, dict | list) and place:
        within = list(place) if isinstance(place, dict) else range(len(place))
        key = random.choice(within)
        if not isinstance(place[key], dict | list) or random.random() < _REPLACES:
            place[key] = random.choice(_ODD_VALUES)
            return head + json.dumps(document).encode()
        place = place[key]
    return None
