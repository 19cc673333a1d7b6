"""What is known of a codec before it is installed: its examples after their run, guesses, ports and sizes."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from parking_gateway.decoding.declared.bench import Bench
from parking_gateway.decoding.importing.guess import Guess
from parking_gateway.decoding.importing.guessing import guessed, is_proven
from parking_gateway.decoding.importing.proving import Outcome, outcomes
from parking_gateway.decoding.importing.published import DECODE, Checkout, Published
from parking_gateway.decoding.importing.relevance import why_relevant


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A published codec, tried."""

    codec: Published
    outcomes: Sequence[Outcome]
    guesses: Mapping[str, Guess]
    sizes: Mapping[int, frozenset[int]]
    """The sizes of the payloads of its decoded examples, by port."""

    @property
    def differing(self) -> list[Outcome]:
        """Return the examples whose output is not the published one."""
        return [outcome for outcome in self.outcomes if outcome.differences]

    @property
    def decoded(self) -> list[Outcome]:
        """Return the examples of `decodeUplink` that give the published output."""
        return [one for one in self.outcomes if one.example.function == DECODE and not one.differences]

    @property
    def why_relevant(self) -> str | None:
        """Return why it can be of use in a car park; None if nothing speaks for it."""
        return why_relevant(self.codec, self.guesses.values())

    @property
    def is_proven(self) -> bool:
        """Return whether the examples leave no doubt of the occupancy, or of the distance."""
        return is_proven(self.guesses.values())

    @property
    def gives(self) -> str:
        """Return what a space or a zone gets of it, in words."""
        named = {"occupancy": "occupancy", "distance_mm": "distance", "counter_in": "counters", "counter": "counter"}
        return ", ".join(word for field, word in named.items() if field in self.guesses)


def prepared(codec: Published, bench: Bench) -> Prepared:
    """Run the examples of a codec and guess its fields from their outputs. Raises `Unusable` if there is no sandbox."""
    tried = outcomes(codec, bench)
    good = [one.example for one in tried if one.example.function == DECODE and not one.differences]
    sizes: dict[int, set[int]] = {}
    for example in good:
        if example.data and example.payload and example.port is not None:
            sizes.setdefault(example.port, set()).add(len(example.payload))
    return Prepared(
        codec=codec,
        outcomes=tried,
        guesses=guessed([(example.name, example.data) for example in good]),
        sizes={port: frozenset(found) for port, found in sizes.items()},
    )


def name_of(codec: Published, checkout: Checkout) -> str:
    """Return the name of the codec in the folder: vendor and device, or the script where a device has several."""
    scripts = {
        one.script for one in checkout.codecs if one.vendor == codec.vendor and codec.models.keys() & one.models.keys()
    }
    words = f"{codec.vendor}/{codec.stem}" if len(scripts) > 1 else codec.name
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:80]
    return name if name[:1].isalpha() else f"codec_{name}"
