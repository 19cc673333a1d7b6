"""What a guess is: the source of a field of a reading, and why it is believed."""

import msgspec

from parking_gateway.decoding.declared.declaration import FieldSource


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a field, guessed from the outputs of the examples."""

    field: str
    source: FieldSource
    why: str
    """The evidence, in a few words."""
    is_proven: bool
    """Whether the examples leave no doubt."""
    weight: int = 0
    """Of several guesses for a field, the one of the largest weight is taken."""
