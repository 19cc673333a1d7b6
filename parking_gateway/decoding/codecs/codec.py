"""The types `Codec` and `Option`, as the other modules of the gateway use them."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from decoders import Command, Device, Reading
from parking_gateway.core.device import CodecIdentity

NO_OPTIONS: Final[Mapping[str, str]] = {}


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that no payload contains. A person may or must choose it."""

    name: str
    kind: Any
    """int, float, bool, str or a Literal of words."""
    required: bool

    @property
    def allowed(self) -> str:
        """Describe the possible values, for a person."""
        if get_origin(self.kind) is Literal:
            return " or ".join(str(choice) for choice in get_args(self.kind))
        return {int: "a whole number", float: "a number", bool: "true or false"}.get(self.kind, "text")


OCCUPIED_BELOW: Final = Option(name="occupied_below_mm", kind=int, required=False)
VACANT_ABOVE: Final = Option(name="vacant_above_mm", kind=int, required=False)


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """A codec before its options are chosen."""

    name: str
    module: str
    """The name of its module. Firmware lines share a module."""
    device: Device
    decode: Callable[..., Reading]
    options: tuple[Option, ...]
    """The options of an installation: the keyword-only parameters of `decode`, and the two thresholds of a distance."""
    commands: Mapping[str, Command] = {}
    """The downlinks that have a name. A guest has none, because its functions are in a process of its own."""
    presets: Mapping[str, str] = NO_OPTIONS
    """The options that the name of a firmware line sets."""
    assumed: Mapping[str, str] = NO_OPTIONS
    """The options that the bare name stands for when a person inspects a frame. An installation has to choose them."""
    version: str
    """Which code it is: a checksum of its files, or the version of the package that brings it."""

    @property
    def identity(self) -> CodecIdentity:
        """The name with the version, as they are kept with each uplink."""
        return CodecIdentity(self.name, self.version)


def parameters_of(function: Callable[..., Any]) -> Iterator[Option]:
    """Yield the options of a codec or a command: the keyword-only parameters of its function."""
    hints = get_type_hints(function)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield Option(
                name=parameter.name,
                kind=hints.get(parameter.name, str),
                required=parameter.default is parameter.empty,
            )
