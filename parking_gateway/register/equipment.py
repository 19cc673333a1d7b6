"""A device as `devices list` shows it. Pure."""

from datetime import datetime

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS, Installation
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact, SpaceId
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.remarks import COUNTS, NEVER_HEARD, SHOWS, remark
from parking_gateway.store.fleet import KnownDevice


class ListedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device: its identity, its contact, and its space."""

    dev_eui: DevEui
    name: str
    profile: str
    contact: Contact
    last_heard: datetime | None
    battery_percent: int | None
    problems: list[Problem]
    """The most severe first."""
    codec: str | None
    """The codec for its next uplink."""
    options: dict[str, str]
    assigned: bool
    """Whether it watches a space, counts a zone or shows a place."""
    site: str | None
    zone: str | None
    space: str | None
    observe: int | bool | None
    """For how many more uplinks it is observed; True: until a person ends it; None: it decides its space."""
    note: str | None
    """The reason why the device has no space, gives no occupancy, or was never heard."""


def listed(known: KnownDevice, decoder: Decoder) -> ListedDevice:
    """Describe a device for people."""
    device = known.identity
    anywhere = Installation(dev_eui=device.dev_eui, space=SpaceId(0))
    choice = decoder.choice(device, known.installation or anywhere)
    return ListedDevice(
        dev_eui=device.dev_eui,
        name=device.name,
        profile=device.profile,
        contact=known.contact,
        last_heard=known.heard_at,
        battery_percent=known.battery_percent,
        problems=known.problems,
        codec=choice.codec if choice else None,
        options=choice.options if choice else {},
        assigned=known.installation is not None or known.is_indicator,
        site=known.site,
        zone=known.zone,
        space=known.space,
        observe=observe_of(known.installation),
        note=_note(known, decoder),
    )


def observe_of(installation: Installation | None) -> int | bool | None:
    """For how many more uplinks an installation is observed, as people and programs read it."""
    left = None if installation is None else installation.observe_left
    return True if left == ENDLESS else left


def _note(known: KnownDevice, decoder: Decoder) -> str | None:
    if known.installation is None:
        return SHOWS if known.is_indicator else "unassigned"
    if known.heard_at is None:
        return NEVER_HEARD
    if known.space is None:
        return COUNTS
    if observed := observe_of(known.installation):
        return "observed" if observed is True else f"observed for {observed} more"
    return remark(known.identity, known.installation, decoder)
