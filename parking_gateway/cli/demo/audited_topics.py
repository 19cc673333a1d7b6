"""Compares the retained messages with the database: a part of `audit`. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from parking_gateway.cli.demo.recorded import CountedZone, DatabaseContents, place_of
from parking_gateway.contract.messages import AudienceCounts, CountsMessage, DeviceMessage, SpaceMessage
from parking_gateway.core.audience import Audience
from parking_gateway.core.space import Contact, SpaceState

_COMPARED_DEVICE_FIELDS: Final = (
    "dev_eui",
    "name",
    "contact",
    "battery_percent",
    "codec",
    "problem",
    "problems",
    "site",
    "zone",
    "space",
)
"""A change of these is published at once. The other fields can be as old as the last publication."""


def wrong_topics(contents: DatabaseContents, retained: Mapping[str, bytes], root: str) -> Iterator[str]:
    """Every retained message equals its row, no topic is missing, and none is too many."""
    expected = dict(_topics(contents, root))
    for topic, message in expected.items():
        if topic not in retained:
            yield f"{topic} is not retained"
            continue
        try:
            published = msgspec.json.decode(retained[topic], type=type(message))
        except msgspec.MsgspecError as error:
            yield f"{topic} does not follow the contract: {error}"
            continue
        found, recorded = _compared_fields(published), _compared_fields(message)
        for name in found.keys() | recorded.keys():
            if found.get(name) != recorded.get(name):
                yield f"{topic} has {name} {found.get(name)}, and the database {recorded.get(name)}"
    for topic in retained.keys() - expected.keys():
        # These are about a gateway itself, which is not in the tables.
        if not topic.startswith(f"{root}/gateways/"):
            yield f"{topic} is retained, and the database has no row for it"


def _topics(
    contents: DatabaseContents, root: str
) -> Iterator[tuple[str, SpaceMessage | CountsMessage | DeviceMessage]]:
    for space in contents.spaces:
        yield f"{root}/spaces/{place_of(space)}", space
    for site, zone in contents.zones:
        there = [space for space in contents.spaces if (space.site, space.zone) == (site, zone)]
        cars = contents.counted.get((site, zone))
        counts = _counted(there, [cars] if cars else [], site=site, zone=zone)
        yield (
            f"{root}/zones/{site}/{zone}",
            msgspec.structs.replace(counts, source="counter", drift=cars.drift) if cars else counts,
        )
    for site in {site for site, _ in contents.zones}:
        there = [space for space in contents.spaces if space.site == site]
        cars_there = [cars for (name, _), cars in contents.counted.items() if name == site]
        yield f"{root}/sites/{site}", _counted(there, cars_there, site=site, zone=msgspec.UNSET)
    for device in contents.devices:
        yield f"{root}/devices/{device.dev_eui}", device


def _counted(
    spaces: Collection[SpaceMessage],
    zones: Collection[CountedZone],
    *,
    site: str,
    zone: str | msgspec.UnsetType,
) -> CountsMessage:
    """The counts of spaces, and of zones that are counted at their gates and have no spaces."""
    states = Counter(space.state for space in spaces)
    cars, places = sum(one.count for one in zones), sum(one.capacity for one in zones)
    total, occupied = len(spaces) + places, states[SpaceState.OCCUPIED] + cars
    return CountsMessage(
        site=site,
        zone=zone,
        total=total,
        free=states[SpaceState.FREE] + places - cars,
        occupied=occupied,
        reserved=states[SpaceState.RESERVED],
        maintenance=states[SpaceState.MAINTENANCE],
        unreachable=sum(space.contact is not Contact.LIVE for space in spaces),
        occupancy=occupied / total if total else 0.0,
        capacity=total,
        audiences={
            one: _of_audience(spaces, one) for one in Audience if any(space.audience is one for space in spaces)
        },
    )


def _of_audience(spaces: Collection[SpaceMessage], audience: Audience) -> AudienceCounts:
    states = [space.state for space in spaces if space.audience is audience]
    return AudienceCounts(total=len(states), free=states.count(SpaceState.FREE))


def _compared_fields(message: SpaceMessage | CountsMessage | DeviceMessage) -> dict[str, Any]:
    fields = msgspec.structs.asdict(message)
    return {name: fields[name] for name in _COMPARED_DEVICE_FIELDS} if isinstance(message, DeviceMessage) else fields
