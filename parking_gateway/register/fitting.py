"""The sensors of spaces after a change of their installations: a space with several keeps what each has reported."""

from collections.abc import Collection, Mapping
from datetime import datetime

from parking_gateway.core.causes import SensorsFitted
from parking_gateway.core.sensor import SensorKey, SensorRule
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import Turn, turn
from parking_gateway.store import assignments, spaces, turns
from parking_gateway.store.assignments import SensorsOf
from parking_gateway.store.database import Connection


async def fit(
    connection: Connection,
    before: SensorsOf,
    *,
    rules: Mapping[SpaceId, SensorRule] | None = None,
    now: datetime,
    by: str,
) -> Turn:
    """Give each of these spaces the sensors that are installed in it now; the caller commits and reports.

    `before` has the sensors that each had until now, by `assignments.sensors_of`. Spaces with one sensor or none are left alone.
    """
    rules = rules or {}
    (present,) = await connection.together(assignments.sensors_of(before))
    concerned = [one for one in before if max(len(before[one]), len(present[one])) > 1]
    if not concerned:
        return turn({}, ())
    (locked,) = await connection.together(spaces.lock_by_id(concerned))
    made = turn(
        locked.spaces,
        (
            (
                one,
                SensorsFitted(sensors=present[one], sole=_sole(before[one]), rule=rules.get(one), at=now, by=by),
            )
            for one in locked.spaces
        ),
    )
    # What the last sensor of several has reported is not what the space was, because the others reported too.
    alone = [one for one in concerned if len(present[one]) == 1 < len(before[one])]
    await connection.together(*turns.writes(locked, made, now=now), assignments.watch_anew(alone))
    return made


def _sole(sensors: Collection[SensorKey]) -> SensorKey | None:
    return next(iter(sensors)) if len(sensors) == 1 else None
