"""Which of the three layouts a checkout has, and all of its codecs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from parking_gateway.decoding.importing import actility, chirpstack_profiles, the_things_network
from parking_gateway.decoding.importing.files import Files
from parking_gateway.decoding.importing.published import Checkout, Mistake, NotUsable, Published

Codecs = Callable[[Files], Iterator[Published | Mistake]]

_LAYOUTS: Final[tuple[tuple[str, str, str, Codecs], ...]] = (
    ("vendor/index.yaml", "TheThingsNetwork/lorawan-devices", "ttn", the_things_network.codecs),
    ("vendors/*/vendor.toml", "chirpstack/chirpstack-device-profiles", "chirpstack", chirpstack_profiles.codecs),
    ("vendors/*/drivers/*/driver.yaml", "actility/device-catalog", "actility", actility.codecs),
)
"""A file that only this layout has, the repository, its short name, and the reading of its codecs."""


def is_checkout(root: Path) -> bool:
    """Return whether a folder has one of the layouts."""
    return root.is_dir() and any(next(Files(root).matching(sign), None) for sign, *_ in _LAYOUTS)


def read(root: Path) -> Checkout:
    """Read a checkout. Raises `NotUsable` if it has none of the layouts."""
    files = Files(root)
    for sign, repository, short, codecs in _LAYOUTS:
        if next(files.matching(sign), None) is None:
            continue
        found = list(codecs(files))
        return Checkout(
            repository=files.origin() or repository,
            short=short,
            commit=files.commit(),
            licence=files.licence(),
            codecs=tuple(one for one in found if isinstance(one, Published)),
            mistakes=tuple(one for one in found if isinstance(one, Mistake)),
        )
    known = ", ".join(f"{repository} ({sign})" for sign, repository, *_ in _LAYOUTS)
    raise NotUsable(f"{root} has none of the known layouts: {known}. Give the top folder of a checkout.")
