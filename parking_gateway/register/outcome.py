"""What became of a register: the one value that the command's summary is made of."""

from collections import Counter

import msgspec

from parking_gateway.core.events import DevEui


class Counts(msgspec.Struct, kw_only=True):
    """What became of what was asked for."""

    created: int
    changed: int
    unchanged: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A device that watches another space now."""

    dev_eui: DevEui
    before: str
    after: str


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """A device that watches no space any more, because its space got another."""

    dev_eui: DevEui
    space: str
    replaced_by: DevEui


class Replayed(msgspec.Struct, kw_only=True):
    """What the spaces were told of the time before."""

    uplinks: int = 0
    transitions: int = 0
    unreadable: int = 0
    """Of the uplinks, those that the codec could not read."""


class Registered(msgspec.Struct, kw_only=True):
    """What became of the entries: what the command prints."""

    spaces: Counts
    """Changed are those that were there and that another device watches now, or the same in another way."""
    installations: Counts
    moved: list[Move]
    removed: list[Removal]
    replayed: Replayed
    remarks: Counter[str]
    """What somebody should know of the devices that were installed, and of how many it is true."""
