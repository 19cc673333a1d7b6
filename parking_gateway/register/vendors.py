"""Vendors by the numbers that labels and EUIs carry, as far as they are published. Pure.

Sources: TheThingsNetwork/lorawan-devices vendor/index.yaml for the ids of the LoRa Alliance; the registry of the IEEE for the
beginnings of EUIs.
"""

from collections.abc import Mapping
from typing import Final

VENDOR_IDS: Final[Mapping[int, str]] = {
    69: "Bosch",
    109: "Decentlab",
    289: "Netvox",
    315: "Parametric",
    334: "Radio Bridge",
    415: "TEKTELIC",
    601: "Milesight",
    613: "Browan",
    676: "Dragino",
    786: "MOKOSmart",
}
"""Ids of the LoRa Alliance, the first half of a ProfileID. The second half is the vendor's own number; no list of them was found."""
PREFIXES: Final[Mapping[str, str]] = {
    "00137a": "Netvox",
    "24e124": "Milesight",
    "58a0cb": "Browan",
    "647fda": "TEKTELIC",
    "70b3d57ba": "Decentlab",
    "a81758": "ELSYS",
    "a84041": "Dragino",
    "e8e1e1": "Browan",
    "fcd6bd": "Bosch",
}
"""Beginnings of EUIs that belong to one vendor."""


def vendor_of(eui: str) -> str | None:
    """The vendor of an EUI in lower case. None: its beginning belongs to no vendor of a codec, or to several."""
    return next((vendor for prefix, vendor in PREFIXES.items() if eui.startswith(prefix)), None)
