"""Which codecs of a repository are for a car park: of spaces, of distances, or of cars that are counted."""

import re
from collections.abc import Iterable
from typing import Final

from parking_gateway.decoding.importing.guess import Guess
from parking_gateway.decoding.importing.published import Published

_PARKING: Final = re.compile(r"\b(?:car[ -]?park\w*|parking|vehicles?|cars?|garages?)\b")
_DISTANCE: Final = re.compile(
    r"\b(?:distance|ultrasonic|lidar|people count\w*|people flow|vehicle count\w*|traffic count\w*)\b"
)
_FACTS: Final = frozenset({"distance_mm", "counter_in", "counter_out"})


def why_relevant(codec: Published, guesses: Iterable[Guess]) -> str | None:
    """Return why a codec can be of use in a car park; None if nothing speaks for it."""
    fields = {guess.field: guess for guess in guesses}
    words = f"{codec.words} {' '.join(codec.models.values())}".lower()
    if (match := _PARKING.search(words)) and "occupancy" in fields:
        return f"described with {match[0]!r}, and its examples have an occupancy"
    if match:
        return f"described with {match[0]!r}"
    if match := _DISTANCE.search(words):
        return f"described with {match[0]!r}"
    found = sorted(_FACTS & fields.keys())
    if found:
        return f"its examples have {' and '.join(found)}"
    if "occupancy" in fields and fields["occupancy"].weight >= _STRONG:
        return "its examples have an occupancy"
    return None


_STRONG: Final = 4
