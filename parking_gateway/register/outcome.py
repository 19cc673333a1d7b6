"""The result of an import or an assignment. The command's summary is made of this one value."""

from collections import Counter

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.register.labelled import Labelled
from parking_gateway.register.removing import Removed
from parking_gateway.register.replay.turns import Replayed


class Counts(msgspec.Struct, kw_only=True):
    """Numbers of entries by their result."""

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


class Registered(msgspec.Struct, kw_only=True):
    """The result of all entries, as the command prints it."""

    spaces: Counts
    """A space is changed if another device watches it now, or the same device in another way, or if an attribute changed."""
    installations: Counts
    settings: int = 0
    """Sites and zones whose settings changed."""
    counters: int = 0
    """Counters of zones that the file names."""
    moved: list[Move]
    removed: list[Removal]
    pruned: Removed = Removed()
    """Nothing, unless the import removes what the file does not name."""
    replayed: Replayed
    remarks: Counter[str]
    """Remarks about the installed devices, each with the number of its devices."""
    label: Labelled | msgspec.UnsetType = msgspec.UNSET
    """Of an assignment by the QR code of a device."""
