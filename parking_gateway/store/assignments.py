"""Installations as an import changes them: which device watches which space from now on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.sensor import SensorKey, sensor_key
from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import EUI, device, installation, space, uplink

SensorsOf = Mapping[SpaceId, frozenset[SensorKey]]
"""The sensors of each space."""

_GIVEN: Final = [column for column in installation.c if column is not installation.c.snapshot]
"""The columns of the register."""
_WANTED: Final = table_of(*_GIVEN)
_CONCERNED: Final = Statement(
    sa.select(*_GIVEN).where(
        installation.c.dev_eui.in_(sa.select(_WANTED.c.dev_eui))
        | installation.c.space_id.in_(sa.select(_WANTED.c.space_id))
    )
)

_IS_SENSOR: Final = installation.c.observe_left.is_(None)
"""An observed installation is no sensor of its space."""
_SENSORS: Final = Statement(
    sa.select(installation.c.space_id, installation.c.dev_eui, installation.c.channel).where(
        installation.c.space_id.in_(listed("spaces", sa.BigInteger)), _IS_SENSOR
    )
)

# An uplink is either recorded before this lock, and replayed by us, or waits for it, and then finds its installation.
_LOCK_UPLINKS: Final = Statement(sa.text(f"lock table only {uplink.name} in share mode"))

_SPACE_IDS: Final = table_of(space.c.id)
_THESE_SPACES: Final = sa.select(space.c.id).join(_SPACE_IDS, space.c.id == _SPACE_IDS.c.id).order_by(space.c.id)
_LOCK_SPACES: Final = Statement(_THESE_SPACES.with_for_update(of=space, key_share=True))
# A row that will be deleted is locked for that at once: two sessions that make a weaker lock stronger wait for each other.
_LOCK_DOOMED: Final = Statement(_THESE_SPACES.with_for_update(of=space))

_DEVICES: Final = table_of(device.c.dev_eui)
_CONCERN_DEVICES: Final = Statement(
    pg.insert(device)
    .from_select([device.c.dev_eui], sa.select(_DEVICES.c.dev_eui).order_by(_DEVICES.c.dev_eui))
    .on_conflict_do_update(index_elements=[device.c.dev_eui], set_={"version": device.c.version + 1})
)

_INSTALLED: Final = Statement(sa.select(*_GIVEN).join(_SPACE_IDS, installation.c.space_id == _SPACE_IDS.c.id))
_OF_DEVICE: Final = Statement(sa.select(*_GIVEN).where(installation.c.dev_eui == sa.bindparam("dev_eui", type_=EUI)))
_WITHOUT_SENSOR: Final = Statement(
    sa.select(_SPACE_IDS.c.id).where(
        ~sa.exists().select_from(installation).where(installation.c.space_id == _SPACE_IDS.c.id, _IS_SENSOR)
    )
)
_REMOVE: Final = Statement(
    installation.delete().where(
        installation.c.dev_eui == _WANTED.c.dev_eui, installation.c.channel == _WANTED.c.channel
    )
)


def _install() -> pg.Insert:
    insert = pg.insert(installation).from_select(_GIVEN, sa.select(*_WANTED.c))
    return insert.on_conflict_do_update(
        index_elements=[installation.c.dev_eui, installation.c.channel],
        set_={
            **{name: insert.excluded[name] for name in ("space_id", "codec", "options", "lost_after", "observe")},
            # What is to be observed as before goes on, or is over.
            "observe_left": sa.case(
                (insert.excluded.observe.is_distinct_from(installation.c.observe), insert.excluded.observe_left),
                else_=installation.c.observe_left,
            ),
        },
    )


_INSTALL: Final = Statement(_install())
# A sensor that comes from another space, takes the place of another sensor, or was observed until now, says nothing about the past
# of its space.
_WATCH: Final = Statement(
    space.update()
    .where(
        space.c.id.in_(
            sa.select(_WANTED.c.space_id)
            .select_from(
                _WANTED.outerjoin(
                    installation,
                    sa.and_(installation.c.dev_eui == _WANTED.c.dev_eui, installation.c.channel == _WANTED.c.channel),
                ).join(space_before := space.alias("before"), space_before.c.id == _WANTED.c.space_id)
            )
            .where(
                _WANTED.c.observe_left.is_(None),
                installation.c.observe_left.is_not(None)
                | sa.and_(
                    installation.c.space_id.is_distinct_from(_WANTED.c.space_id),
                    installation.c.space_id.is_not(None) | space_before.c.seen_at.is_not(None),
                ),
            )
        )
    )
    .values(watched_since=sa.func.now())
)
_WATCH_ANEW: Final = Statement(
    space.update().where(space.c.id.in_(listed("spaces", sa.BigInteger))).values(watched_since=sa.func.now())
)
_OBSERVE: Final = Statement(
    installation.update()
    .where(installation.c.dev_eui == _WANTED.c.dev_eui, installation.c.channel == _WANTED.c.channel)
    .values(observe=_WANTED.c.observe, observe_left=_WANTED.c.observe_left)
)
_MANY: Final = 100
"""Installations at once from which on the tables are analyzed. With 100,000 spaces it takes 0.2 s, and uplinks of the spaces wait."""
_ANALYZE: Final = Statement(sa.text(f"analyze {installation.name}, {space.name}"))


def concerned(wanted: Iterable[Installation]) -> Query[list[Installation]]:
    """The installations that these devices have now, and those of other devices in these spaces."""
    return Query(statement=_CONCERNED, arguments=encode(_WANTED, map(_row, wanted)), read=_installations)


def installation_of(row: Sequence[Any]) -> Installation:
    """A row of a statement that reads these columns in this order."""
    dev_eui, channel, space_id, codec, options, lost_after, observe, observe_left = row
    return Installation(
        dev_eui=dev_eui,
        channel=channel,
        space=space_id,
        codec=codec,
        options=options,
        lost_after=lost_after,
        observe=observe,
        observe_left=observe_left,
    )


def _installations(rows: Rows) -> list[Installation]:
    return list(map(installation_of, rows))


def sensors_of(spaces: Collection[SpaceId]) -> Query[SensorsOf]:
    """The sensors of each of these spaces. An observed installation is none."""

    def read(rows: Rows) -> SensorsOf:
        found: dict[SpaceId, set[SensorKey]] = {one: set() for one in spaces}
        for space_id, dev_eui, channel in rows:
            found[space_id].add(sensor_key(dev_eui, channel))
        return {one: frozenset(sensors) for one, sensors in found.items()}

    return Query(statement=_SENSORS, arguments={"spaces": array_of(list(spaces))}, read=read)


def in_spaces(spaces: Iterable[SpaceId]) -> Query[list[Installation]]:
    """The installations in these spaces."""
    return Query(statement=_INSTALLED, arguments=_ids(spaces), read=_installations)


def of_device(dev_eui: DevEui) -> Query[list[Installation]]:
    """The installations of this device."""
    return Query(statement=_OF_DEVICE, arguments={"dev_eui": dev_eui}, read=_installations)


def without_sensor(spaces: Iterable[SpaceId]) -> Query[list[SpaceId]]:
    """Those of these spaces that have no sensor, because no device is installed there, or because it is observed."""
    return asks(_WITHOUT_SENSOR, SpaceId, _ids(spaces))


def hold_uplinks(spaces: Iterable[SpaceId], *, are_removed: bool = False) -> list[Query[None]]:
    """Lock like an uplink, in the same order, so that no uplink is recorded until the transaction ends."""
    return [command(_LOCK_UPLINKS), command(_LOCK_DOOMED if are_removed else _LOCK_SPACES, _ids(spaces))]


def change(*, installed: Sequence[Installation], removed: Sequence[Installation]) -> list[Query[None]]:
    """Install and remove. New devices are added; all are due for publication with their new space."""
    concerned_devices: set[DevEui] = {one.dev_eui for one in (*installed, *removed)}
    changes = [
        command(_CONCERN_DEVICES, encode(_DEVICES, ({"dev_eui": one} for one in concerned_devices))),
        command(_REMOVE, encode(_WANTED, map(_row, removed))),
    ]
    if not installed:
        return changes
    added = encode(_WANTED, map(_row, installed))
    # Without the analysis, the planner takes a table that was filled a second ago for an empty one. A few rows change no plan.
    analyze = [command(_ANALYZE)] if len(installed) >= _MANY else []
    return [*changes, command(_WATCH, added), command(_INSTALL, added), *analyze]


def observe(installed: Collection[Installation], uplinks: int | None) -> list[Query[None]]:
    """Observe these for so many uplinks from now on; None ends it. Their spaces are locked, and the devices due for publication."""
    wanted = [msgspec.structs.replace(one, observe=uplinks, observe_left=uplinks) for one in installed]
    given = encode(_WANTED, map(_row, wanted))
    return [
        command(_CONCERN_DEVICES, encode(_DEVICES, ({"dev_eui": one} for one in {one.dev_eui for one in wanted}))),
        command(_WATCH, given),
        command(_OBSERVE, given),
    ]


def watch_anew(spaces: Collection[SpaceId]) -> Query[None]:
    """The sensors of these spaces, which are locked, say nothing about the past of them."""
    return command(_WATCH_ANEW, {"spaces": array_of(list(spaces))})


def _row(one: Installation) -> dict[str, object]:
    return {
        "dev_eui": one.dev_eui,
        "channel": one.channel,
        "space_id": one.space,
        "codec": one.codec,
        "options": one.options,
        "lost_after": one.lost_after,
        "observe": one.observe,
        "observe_left": one.observe_left,
    }


def _ids(spaces: Iterable[SpaceId]) -> dict[str, str]:
    return encode(_SPACE_IDS, ({"id": one} for one in spaces))
