"""Devices that are due for publication: the columns of their messages, and their rows as values."""

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.downlink import Status
from parking_gateway.core.due import DueDevice
from parking_gateway.store.tables import counter, device, installation, observed, site, space, zone
from parking_gateway.store.words import CONTACTS, OCCUPANCIES, PROBLEMS

_OTHER: Final = installation.alias("other")
_IS_FIRST_CHANNEL: Final = ~sa.exists().where(
    _OTHER.c.dev_eui == installation.c.dev_eui, _OTHER.c.channel < installation.c.channel
)
_COUNTED_ZONE: Final = (
    sa.select(counter.c.zone_id)
    .where(counter.c.dev_eui == device.c.dev_eui)
    .order_by(counter.c.channel)
    .limit(1)
    .scalar_subquery()
)
"""Of a counter, which has no space."""
_OBSERVED: Final = sa.case(
    (
        installation.c.observe_left.is_not(None),
        sa.select(observed.c.occupancy)
        .where(
            observed.c.space == installation.c.space_id,
            observed.c.dev_eui == installation.c.dev_eui,
            observed.c.channel == installation.c.channel,
            observed.c.occupancy.is_not(None),
        )
        .order_by(observed.c.at.desc())
        .limit(1)
        .scalar_subquery(),
    )
)
"""Without an observed installation, PostgreSQL does not look it up."""
DEVICES: Final = sa.select(
    device.c.dev_eui,
    device.c.version,
    device.c.published_version,
    device.c.name,
    device.c.contact,
    device.c.heard_at,
    device.c.battery_percent,
    device.c.battery_volts,
    device.c.rssi,
    device.c.snr,
    device.c.codec,
    device.c.distance_mm,
    device.c.temperature_celsius,
    device.c.counter,
    device.c.counter_in,
    device.c.counter_out,
    device.c.confidence,
    device.c.channels,
    device.c.fault,
    device.c.tamper,
    device.c.problems,
    device.c.uplinks_lost,
    device.c.downlink,
    installation.c.observe_left,
    _OBSERVED,
    site.c.name,
    zone.c.name,
    space.c.name,
).select_from(
    # A device with several sensors is shown with the space of the first.
    device.outerjoin(installation, sa.and_(installation.c.dev_eui == device.c.dev_eui, _IS_FIRST_CHANNEL))
    .outerjoin(space, space.c.id == installation.c.space_id)
    .outerjoin(zone, zone.c.id == sa.func.coalesce(space.c.zone_id, _COUNTED_ZONE))
    .outerjoin(site, site.c.id == zone.c.site_id)
)


def device_of(row: tuple[Any, ...]) -> DueDevice:
    """A row of a statement that reads devices."""
    dev_eui, version, published_version, name, contact, heard_at, *rest = row
    battery_percent, battery_volts, rssi, snr, codec, *rest = rest
    distance_mm, temperature_celsius, counter, counter_in, counter_out, confidence, channels, *rest = rest
    fault, tamper, problems, uplinks_lost, downlink, observe_left, occupancy, *names = rest
    site_name, zone_name, space_name = names
    return DueDevice(
        key=dev_eui,
        version=version,
        published_version=published_version,
        name=name,
        contact=CONTACTS[contact],
        heard_at=heard_at,
        battery_percent=battery_percent,
        battery_volts=battery_volts,
        rssi=rssi,
        snr=snr,
        codec=codec,
        distance_mm=distance_mm,
        temperature_celsius=temperature_celsius,
        counter=counter,
        counter_in=counter_in,
        counter_out=counter_out,
        confidence=confidence,
        channels=channels,
        fault=fault,
        tamper=tamper,
        problems=[PROBLEMS[one] for one in problems],
        uplinks_lost=uplinks_lost,
        downlink=None if downlink is None else msgspec.convert(downlink, Status),
        observe_left=observe_left,
        observed=OCCUPANCIES[occupancy],
        site=site_name,
        zone=zone_name,
        space=space_name,
    )
