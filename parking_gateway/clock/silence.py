"""Silence: a sensor without an uplink for `lost_after` is lost. Its space keeps the last known state."""

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.core.turn import Silence, turn
from parking_gateway.store import devices, silent, spaces, turns
from parking_gateway.store.database import Database


async def go(database: Database, moment: Moment) -> Committed:
    """Let the contact of spaces with silent sensors be lost. Nothing is done while the gateway may be missing events."""
    now, since = moment.now, moment.listening_since
    if since is None:
        return Committed()
    async with database.connect() as connection:
        (limits,) = await connection.together(
            silent.devices(now, since, lost_after=moment.lost_after, by_profile=moment.lost_after_by_profile)
        )
        (locked,) = await connection.together(spaces.lock(limits))
        causes = [
            (one.space, Silence(now=now, lost_after=limits[one.dev_eui], listening_since=since))
            for installations in locked.installations.values()
            for one in installations
        ]
        made = turn(locked.spaces, causes)
        lost = sorted(
            {one.dev_eui for each in locked.installations.values() for one in each if one.space in made.changed}
        )
        await connection.commit_together(*turns.writes(locked, made, *devices.lose(lost), now=now))
    return Committed(changed=made.changed, steps=made.steps, lost=lost)
