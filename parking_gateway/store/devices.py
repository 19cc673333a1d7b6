"""Devices: their identities, and the readings of themselves that are published."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from decoders import Reading
from parking_gateway.core.clocks import COUNTERS_APART, STEP
from parking_gateway.core.device import DeviceReading, Snapshot
from parking_gateway.core.events import DevEui
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact
from parking_gateway.store.batteries import PLACE_IN_SNAPSHOT
from parking_gateway.store.hot import HOT
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.problems import has_problem, with_problem
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of, arrays, json_of, listed
from parking_gateway.store.tables import device, installation

_decode_snapshot: Final = msgspec.json.Decoder(Snapshot).decode
OF_CHANNEL: Final = (
    "battery_volts",
    "temperature_celsius",
    "distance_mm",
    "counter",
    "counter_in",
    "counter_out",
    "confidence",
    "fault",
)
"""The fields of a channel's reading that are kept."""
OF_READING: Final = (*OF_CHANNEL, "tamper")
"""Those of the device's reading, beside its battery's level, which is kept with its time."""
_COLUMNS: Final = (
    "dev_eui",
    "name",
    "profile",
    "application",
    "application_id",
    "tags",
    "heard_at",
    "dev_addr",
    "f_cnt",
    "dr",
    "rssi",
    "snr",
    "codec",
    *OF_READING,
    "channels",
    "battery_percent",
    "battery_at",
    "battery_dev_addr",
    "battery_f_cnt",
)
ORDER: Final = {"step_back": f"{STEP // timedelta(seconds=1)} s", "counters_apart": COUNTERS_APART}
"""What orders the frames of a device, as in `clocks.compare`."""


def snapshot_of(json: str) -> Snapshot:
    """From the text of `installation.snapshot`, or of an answer of `read_snapshots`."""
    return _decode_snapshot(json)


_IS_GIVEN: Final = device.c.dev_eui.in_(listed("dev_euis", sa.Text))
_KNOWN: Final = Statement(sa.select(device.c.dev_eui).where(_IS_GIVEN))
_GIVEN: Final = locked_by_key(device.c.dev_eui, _IS_GIVEN)
_MARK_CLOCK: Final = Statement(
    device.update()
    .values(problems=with_problem(Problem.CLOCK), version=device.c.version + 1)
    .where(device.c.dev_eui == _GIVEN.c.key, ~has_problem(Problem.CLOCK))
)
_WITH_RIGHT_CLOCK: Final = Statement(sa.select(device.c.dev_eui).where(_IS_GIVEN, ~has_problem(Problem.CLOCK)))
_LOSE: Final = Statement(
    device.update()
    .values(contact=Contact.LOST, problems=with_problem(Problem.SILENT), version=device.c.version + 1)
    .where(device.c.dev_eui == _GIVEN.c.key, device.c.contact == Contact.LIVE)
)
# Without a snapshot the next uplink that counts is published, and ends the problem.
_FORGET: Final = Statement(
    installation.update()
    .values(snapshot=sa.null())
    .where(installation.c.dev_eui.in_(listed("dev_euis", sa.Text)), installation.c.snapshot.is_not(None))
)


def with_right_clock(devices: Collection[DevEui]) -> Query[set[DevEui]]:
    """Those of these devices of which it is not known that a clock is wrong."""
    given = {"dev_euis": array_of(list(devices))}
    return Query(statement=_WITH_RIGHT_CLOCK, arguments=given, read=lambda rows: {one for (one,) in rows})


def mark_clock(devices: Collection[DevEui]) -> list[Query[None]]:
    """Mark that a clock is wrong: uplinks of these devices count as older although their counters are higher."""
    given = {"dev_euis": array_of(list(devices))}
    return [command(_MARK_CLOCK, given), command(_FORGET, given)]


def lose(devices: Collection[DevEui]) -> list[Query[None]]:
    """Mark the contact of these devices as lost. Their next uplink is published, because it has no snapshot."""
    given = {"dev_euis": array_of(list(devices))}
    return [command(_LOSE, given), command(_FORGET, given)] if devices else []


def forget_snapshots(devices: Collection[DevEui]) -> list[Query[None]]:
    """Have the next uplink of these devices published, because their rows were changed by a replay."""
    return [command(_FORGET, {"dev_euis": array_of(list(devices))})] if devices else []


def snapshots(devices: Collection[DevEui]) -> Query[dict[DevEui, Snapshot]]:
    """The last published snapshots of those of these devices that are live. Installed ones have theirs in `Locked`."""
    return Query(statement=HOT["read_snapshots"], arguments=arrays(dev_eui=list(devices)), read=_snapshots)


def known(devices: Collection[DevEui]) -> Query[set[DevEui]]:
    """Those of these devices that have a row."""
    return Query(
        statement=_KNOWN, arguments={"dev_euis": array_of(list(devices))}, read=lambda rows: {one for (one,) in rows}
    )


def update(readings: Iterable[DeviceReading], snapshots: Mapping[DevEui, Snapshot]) -> list[Query[None]]:
    """Write the devices' rows from readings, which are in the order of uplinks, and their snapshots. New devices are added."""
    rows: dict[DevEui, dict[str, Any]] = {}
    for one in readings:
        values = {name: value for name, value in _row(one).items() if value is not None}
        earlier = rows.get(one.uplink.device.dev_eui, {})
        if earlier:
            values = _after(earlier, values)
        rows[one.uplink.device.dev_eui] = values
    columns = {name: [row.get(name) for row in rows.values()] for name in _COLUMNS}
    for name in ("tags", "channels"):
        columns[name] = list(map(json_of, columns[name]))
    copies = arrays(
        dev_eui=list(snapshots),
        heard_at=[one.heard_at for one in snapshots.values()],
        snapshot=[json_of(one) for one in snapshots.values()],
    )
    return [
        command(HOT["update_devices"], arrays(**columns) | ORDER),
        command(HOT["copy_snapshots"], copies | {"place_of_battery": PLACE_IN_SNAPSHOT}),
    ]


def _snapshots(rows: Rows) -> dict[DevEui, Snapshot]:
    return {dev_eui: snapshot_of(json) for dev_eui, json in rows}


def _after(earlier: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The row of two uplinks of one batch, as `update_devices` writes it for two batches."""
    kept = {**earlier, **values}
    if "channels" in earlier and "channels" in values:
        kept["channels"] = earlier["channels"] | values["channels"]
    if "distance_mm" not in values and (values.get("fault") or values.get("tamper")):
        kept.pop("distance_mm", None)
    return kept


def _channels(readings: Mapping[int, Reading]) -> dict[str, dict[str, Any]]:
    return {
        str(number): {name: value for name in OF_CHANNEL if (value := getattr(one, name)) is not None}
        for number, one in readings.items()
    }


def _row(one: DeviceReading) -> dict[str, Any]:
    uplink, identity, reading, battery_percent = one.uplink, one.uplink.device, one.reading, one.battery_percent
    battery = {
        "battery_percent": battery_percent,
        "battery_at": uplink.heard_at,
        "battery_dev_addr": uplink.dev_addr,
        "battery_f_cnt": uplink.f_cnt,
    }
    return {
        "dev_eui": identity.dev_eui,
        "name": identity.name,
        "profile": identity.profile,
        "application": identity.application,
        "application_id": identity.application_id or None,
        "tags": identity.tags,
        "heard_at": uplink.heard_at,
        "dev_addr": uplink.dev_addr,
        "f_cnt": uplink.f_cnt,
        "dr": uplink.dr,
        "rssi": uplink.rssi,
        "snr": uplink.snr,
        "codec": one.codec,
        **{name: getattr(reading, name) for name in OF_READING},
        "channels": _channels(reading.channels) if reading.channels else None,
        **(battery if battery_percent is not None else {}),
    }
