"""A codec and its options, as the rest of the gateway knows them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from decoders import Device, Reading

NO_OPTIONS: Final[Mapping[str, str]] = {}


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a payload cannot tell and a person may or must choose."""

    name: str
    kind: Any
    """int, float, bool, str or a Literal of words."""
    required: bool

    @property
    def allowed(self) -> str:
        """What may be written, in words."""
        if get_origin(self.kind) is Literal:
            return " or ".join(str(choice) for choice in get_args(self.kind))
        return {int: "a whole number", float: "a number", bool: "true or false"}.get(self.kind, "text")


OCCUPIED_BELOW: Final = Option(name="occupied_below_mm", kind=int, required=False)
VACANT_ABOVE: Final = Option(name="vacant_above_mm", kind=int, required=False)


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to read one device's frames, before its options are chosen."""

    name: str
    module: str
    """The name of its module, which firmware lines share."""
    device: Device
    decode: Callable[..., Reading]
    options: tuple[Option, ...]
    """What an installation may set: the keyword-only parameters of `decode`, and the two thresholds for distances."""
    presets: Mapping[str, str] = NO_OPTIONS
    """What the name of a firmware line has set already."""
    assumed: Mapping[str, str] = NO_OPTIONS
    """What the bare name stands for when a person looks at a single frame. An installation has to choose itself."""
