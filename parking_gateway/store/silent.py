"""Devices that were not heard for as long as they may be silent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import TIME, device, installation, space, uplink

_AT_ONCE: Final = 1000
"""Devices of one transaction. The next round takes the others."""


def _given(name: str, key: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The seconds for the key in the JSON object of that name."""
    return sa.cast(sa.bindparam(name, type_=pg.JSONB)[key].astext, sa.Double)


_NOW: Final = sa.bindparam("now", type_=TIME)
_LISTENING_SINCE: Final = sa.bindparam("listening_since", type_=TIME)
_SHORTEST: Final = sa.bindparam("shortest", type_=sa.Double)
"""The shortest of all limits but those of installations. Devices that were heard since then are not looked up."""
_DEFAULT: Final = sa.bindparam("lost_after", type_=sa.Double)


def _is_silent(heard_at: sa.ColumnElement[Any], seconds: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    limit = sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return sa.func.greatest(heard_at, _LISTENING_SINCE) < _NOW - limit


# Nearly all spaces were heard lately. So their installations are not read: of a million spaces, that would take a second.
_SHORTEST_OF_ALL: Final = sa.func.least(
    _SHORTEST, sa.select(sa.cast(sa.func.min(installation.c.lost_after), sa.Double)).scalar_subquery()
)
_SPACE: Final = (
    sa.select(space.c.id, space.c.heard_at, space.c.sensors)
    .where(
        space.c.contact == "live",
        sa.or_(space.c.sensors.is_not(None), _is_silent(space.c.heard_at, _SHORTEST_OF_ALL)),
    )
    .cte("watched")
    .prefix_with("materialized", dialect="postgresql")
)
# With an offset, PostgreSQL looks the installations up, instead of reading all of them.
_SENSOR: Final = sa.select(installation).where(installation.c.space_id == _SPACE.c.id).offset(0).lateral("sensor")
_OF_SEVERAL: Final = _SPACE.c.sensors["by_key"][_SENSOR.c.dev_eui + "/" + sa.cast(_SENSOR.c.channel, sa.Text)]
_HEARD_AT: Final = sa.case(
    (_SPACE.c.sensors.is_(None), _SPACE.c.heard_at),
    else_=sa.cast(_OF_SEVERAL["heard_at"].astext, sa.TIMESTAMP(timezone=True)),
)
"""When the sensor was heard, which may be one of several in its space."""
_IS_LOST: Final = sa.func.coalesce(sa.cast(_OF_SEVERAL["is_lost"].astext, sa.Boolean), sa.false())
_QUIET: Final = (
    sa.select(_SENSOR.c.dev_eui, _SENSOR.c.codec, _SENSOR.c.lost_after, _HEARD_AT.label("heard_at"))
    .select_from(_SPACE.join(_SENSOR, sa.true()))
    .where(
        sa.or_(_SPACE.c.sensors.is_(None), ~_IS_LOST),
        _SENSOR.c.observe_left.is_(None),
        _is_silent(_HEARD_AT, sa.func.least(_SHORTEST, sa.cast(_SENSOR.c.lost_after, sa.Double))),
    )
    .cte("quiet")
    .prefix_with("materialized", dialect="postgresql")
)
_OF_QUIET: Final = (
    sa.select(device.c.profile, device.c.codec).where(device.c.dev_eui == _QUIET.c.dev_eui).limit(1).lateral("of_quiet")
)
_SECONDS: Final = sa.func.coalesce(
    sa.cast(_QUIET.c.lost_after, sa.Double),
    _given("by_profile", _OF_QUIET.c.profile),
    _given("by_codec", sa.func.coalesce(_QUIET.c.codec, _OF_QUIET.c.codec)),
    _DEFAULT,
)
_SILENT: Final = Statement(
    sa.select(_QUIET.c.dev_eui, _SECONDS)
    .select_from(_QUIET.outerjoin(_OF_QUIET, sa.true()))
    .where(_is_silent(_QUIET.c.heard_at, _SECONDS))
    .order_by(_QUIET.c.dev_eui)
    .limit(_AT_ONCE)
)
_QUIET_WITHOUT_SPACE: Final = (
    sa.select(device.c.dev_eui, device.c.heard_at, device.c.profile, device.c.codec)
    .where(device.c.contact == "live", _is_silent(device.c.heard_at, _SHORTEST))
    .cte("quiet")
    .prefix_with("materialized", dialect="postgresql")
)
# The row of a device is written once in a while, so the last uplink of those that may be silent is looked up.
_ONE: Final = _QUIET_WITHOUT_SPACE.c
_LAST_HEARD: Final = sa.func.coalesce(
    sa.select(sa.func.max(uplink.c.heard_at))
    .where(uplink.c.dev_eui == _ONE.dev_eui, uplink.c.heard_at >= _ONE.heard_at, uplink.c.heard_at <= _NOW)
    .scalar_subquery(),
    _ONE.heard_at,
)
_SECONDS_WITHOUT_SPACE: Final = sa.func.coalesce(
    _given("by_profile", _ONE.profile), _given("by_codec", _ONE.codec), _DEFAULT
)
_MAY_BE_SILENT: Final = (
    sa.select(_ONE.dev_eui, _LAST_HEARD.label("heard_at"), _SECONDS_WITHOUT_SPACE.label("seconds"))
    .where(
        ~sa.exists().where(installation.c.dev_eui == _ONE.dev_eui, installation.c.observe_left.is_(None)),
        _is_silent(_ONE.heard_at, _SECONDS_WITHOUT_SPACE),
    )
    .cte("may_be_silent")
    .prefix_with("materialized", dialect="postgresql")
)
_WITHOUT_SPACE: Final = Statement(
    sa.select(_MAY_BE_SILENT.c.dev_eui, _MAY_BE_SILENT.c.heard_at)
    .where(_is_silent(_MAY_BE_SILENT.c.heard_at, _MAY_BE_SILENT.c.seconds))
    .order_by(_MAY_BE_SILENT.c.dev_eui)
    .limit(_AT_ONCE)
)
_CODECS: Final = Statement(
    sa.union(
        sa.select(device.c.codec).where(device.c.codec.is_not(None)),
        sa.select(installation.c.codec).where(installation.c.codec.is_not(None)),
    )
)


class SilenceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a device may be silent: by its profile, else by its codec, else `default`."""

    default: timedelta
    by_profile: Mapping[str, timedelta] = {}
    by_codec: Mapping[str, timedelta] = {}


def codecs() -> Query[list[str]]:
    """The names of the codecs that decode uplinks or are chosen for an installation. Reads all devices."""
    return Query(statement=_CODECS, arguments={}, read=lambda rows: [name for (name,) in rows])


def devices(now: datetime, listening_since: datetime, limits: SilenceLimits) -> Query[dict[DevEui, timedelta]]:
    """Installed devices whose spaces are live and that were silent for longer than they may be, with that limit.

    The limit of the installation comes before `limits`. Nothing is locked: the turn decides again about the locked spaces.
    It reads all spaces, and then the devices of those that were not heard for the shortest of all limits.
    """
    return Query(statement=_SILENT, arguments=_arguments(now, listening_since, limits), read=_limits)


def devices_without_space(
    now: datetime, listening_since: datetime, limits: SilenceLimits
) -> Query[dict[DevEui, datetime]]:
    """Live devices that decide no space and were silent for longer than they may be, with the time when they were last heard.

    They watch none, or are observed.
    """
    return Query(statement=_WITHOUT_SPACE, arguments=_arguments(now, listening_since, limits), read=dict)


def _arguments(now: datetime, listening_since: datetime, limits: SilenceLimits) -> dict[str, Any]:
    return {
        "now": now,
        "listening_since": listening_since,
        "lost_after": limits.default.total_seconds(),
        "shortest": min([limits.default, *limits.by_profile.values(), *limits.by_codec.values()]).total_seconds(),
        "by_profile": _seconds(limits.by_profile),
        "by_codec": _seconds(limits.by_codec),
    }


def _seconds(limits: Mapping[str, timedelta]) -> str:
    return msgspec.json.encode({name: limit.total_seconds() for name, limit in limits.items()}).decode()


def _limits(rows: Rows) -> dict[DevEui, timedelta]:
    return {DevEui(dev_eui): timedelta(seconds=seconds) for dev_eui, seconds in rows}
