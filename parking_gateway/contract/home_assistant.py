"""Device discovery of Home Assistant: the car park as devices whose entities read our own topics.

A device is a space, or a zone with its spaces as child devices, which Home Assistant has understood since 2026.11. The
payload has names and topics and no state, so it is published when the register changes and not with every state.

An entity is unavailable while the gateway is offline. State, occupancy and battery are unavailable as well while the contact of
the space is lost.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from parking_gateway import __version__
from parking_gateway.contract import tree
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.contract.tree import Names
from parking_gateway.core.announcement import AnnouncedSpace, Announcement
from parking_gateway.core.due import DueKind
from parking_gateway.core.space import SpaceState

ONLINE: Final = b"online"
"""The payload of Home Assistant's status when it has started."""


class Availability(msgspec.Struct, frozen=True, omit_defaults=True):
    """A topic whose text `online` makes an entity available."""

    topic: str
    value_template: str


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value of a device: a component, as Home Assistant calls it."""

    platform: str
    unique_id: str
    name: str
    state_topic: str
    value_template: str
    availability: tuple[Availability, ...] = ()
    """Where they differ from those of the payload."""
    device_class: str | None = None
    entity_category: str | None = None
    options: tuple[str, ...] | None = None
    state_class: str | None = None
    unit_of_measurement: str | None = None


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The device that the entities belong to."""

    identifiers: tuple[str, ...]
    name: str
    suggested_area: str
    manufacturer: str = "parking-gateway"
    model: str


class ChildDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device within another one."""

    identifiers: tuple[str, ...]
    name: str
    components: dict[str, Entity]


class Origin(msgspec.Struct, frozen=True):
    """The program that announces."""

    name: str = "parking-gateway"
    sw_version: str = __version__


class Discovery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of a discovery topic."""

    device: DeviceInfo
    origin: Origin
    availability: tuple[Availability, ...] = ()
    """Of all entities without any of their own."""
    availability_mode: Literal["all"]
    components: dict[str, Entity]
    """By names that are unique in the payload."""
    child_devices: tuple[ChildDevice, ...] = ()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the announcements and the states are."""

    root: str
    prefix: str
    """Of the discovery topics."""
    gateway: str | None
    """The only gateway of the car park. None: there are several, and any of them publishes the states."""


class _Reading(msgspec.Struct, frozen=True):
    """The part of an entity that has the names of its space or zone."""

    state_topic: str


class _Announced(msgspec.Struct, frozen=True):
    """The part of an announcement that names its space or zone."""

    components: dict[str, _Reading]


_encode: Final = msgspec.json.Encoder().encode
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_BY_CONTACT: Final = "{{ 'offline' if value_json.contact == 'lost' else 'online' }}"


def discovery(announced: Announcement, place: Place) -> Publication:
    """The retained announcement of a space or a zone, on its topic."""
    made = _of_zone(announced, place) if announced.space is None else _of_space(announced, place)
    return Publication(topic=topic_of(announced, place), payload=_encode(made), retain=True)


def topic_of(announced: Announcement, place: Place) -> str:
    """The topic of the announcement."""
    names = (announced.site, announced.zone, announced.space)
    return _topic(place, [name for name in names if name is not None])


def filter_of(place: Place) -> str:
    """The filter of all announcements below the prefix, also those of other programs."""
    return f"{place.prefix}/device/+/config"


def names_of(topic: str, payload: bytes, place: Place) -> Names | None:
    """Site, zone and, of a space, its name, in an announcement of this place. None: it is one of another root or program.

    The names and the root have to give the identifier in the topic. So no announcement of others is taken for one of this place.
    """
    try:
        entities = msgspec.json.decode(payload, type=_Announced).components.values()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    for entity in entities:
        for kind in (DueKind.SPACE, DueKind.ZONE):
            names = tree.names_of(place.root, kind, entity.state_topic)
            if names is not None and all(map(_NAME.fullmatch, names)) and topic == _topic(place, names):
                return names
    return None


def cleared(topic: str) -> Publication:
    """Removes the device of this topic."""
    return Publication(topic=topic, payload=b"", retain=True)


def identifier(root: str, *names: str) -> str:
    """Of a site, zone or space, for Home Assistant. The digest tells `a-b/c` from `a/b-c`, and two roots apart."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(names))
    digest = hashlib.sha256("/".join((root, *names)).encode()).hexdigest()[:8]
    return f"parking_{readable}_{digest}"


def _topic(place: Place, names: Sequence[str]) -> str:
    return f"{place.prefix}/device/{identifier(place.root, *names)}/config"


def _of_space(announced: Announcement, place: Place) -> Discovery:
    (space,) = announced.spaces
    one = identifier(place.root, announced.site, announced.zone, space.space)
    return Discovery(
        device=DeviceInfo(
            identifiers=(one,),
            name=f"{announced.zone} {space.space}",
            suggested_area=announced.site,
            model="Parking space",
        ),
        origin=Origin(),
        availability=_availability(place),
        availability_mode="all",
        components=dict(_entities(one, announced, space, place)),
    )


def _of_zone(announced: Announcement, place: Place) -> Discovery:
    site, zone = announced.site, announced.zone
    one = identifier(place.root, site, zone)
    children = []
    for space in announced.spaces:
        child = identifier(place.root, site, zone, space.space)
        entities = {f"{child}_{name}": entity for name, entity in _entities(child, announced, space, place)}
        children.append(ChildDevice(identifiers=(child,), name=space.space, components=entities))
    counts = {
        name: Entity(
            platform="sensor",
            unique_id=f"{one}_{name}",
            name=name.capitalize(),
            state_topic=f"{place.root}/zones/{site}/{zone}",
            value_template=f"{{{{ value_json.{name} }}}}",
            state_class="measurement",
        )
        for name in ("free", "occupied")
    }
    return Discovery(
        device=DeviceInfo(identifiers=(one,), name=zone, suggested_area=site, model="Parking zone"),
        origin=Origin(),
        availability=_availability(place),
        availability_mode="all",
        components=counts,
        child_devices=tuple(children),
    )


def _entities(one: str, announced: Announcement, space: AnnouncedSpace, place: Place) -> Iterator[tuple[str, Entity]]:
    """The entities of a space, with their names. `one` is its identifier."""
    topic = f"{place.root}/spaces/{announced.site}/{announced.zone}/{space.space}"
    with_contact = (*_availability(place), Availability(topic, _BY_CONTACT))
    yield (
        "state",
        Entity(
            platform="sensor",
            unique_id=f"{one}_state",
            name="State",
            device_class="enum",
            options=tuple(SpaceState),
            state_topic=topic,
            value_template="{{ value_json.state }}",
            availability=with_contact,
        ),
    )
    yield (
        "occupancy",
        Entity(
            platform="binary_sensor",
            unique_id=f"{one}_occupancy",
            name="Occupancy",
            device_class="occupancy",
            state_topic=topic,
            value_template="{{ {'occupied': 'ON', 'vacant': 'OFF'}.get(value_json.occupancy, 'None') }}",
            availability=with_contact,
        ),
    )
    yield (
        "contact",
        Entity(
            platform="binary_sensor",
            unique_id=f"{one}_contact",
            name="Contact",
            device_class="connectivity",
            entity_category="diagnostic",
            state_topic=topic,
            value_template="{{ 'ON' if value_json.contact == 'live' else 'OFF' }}",
        ),
    )
    yield (
        "battery",
        Entity(
            platform="sensor",
            unique_id=f"{one}_battery",
            name="Battery",
            device_class="battery",
            entity_category="diagnostic",
            unit_of_measurement="%",
            state_topic=topic,
            value_template="{{ value_json.battery_percent }}",
            availability=with_contact,
        ),
    )
    if space.dev_eui is None:
        return
    yield (
        "last_heard",
        Entity(
            platform="sensor",
            unique_id=f"{one}_last_heard",
            name="Last heard",
            device_class="timestamp",
            entity_category="diagnostic",
            state_topic=f"{place.root}/devices/{space.dev_eui}",
            value_template="{{ value_json.last_heard }}",
        ),
    )


def _availability(place: Place) -> tuple[Availability, ...]:
    """The status of the gateway."""
    if place.gateway is None:
        return ()
    return (Availability(gateway_topic(place.root, place.gateway), "{{ value_json.status }}"),)
