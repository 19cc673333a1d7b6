"""The gateway dies."""

from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND = 400


@trial("T1", "`kill -9` of the gateway every 0.5 to 3 s", short=1, long=100)
async def killed(rig: Rig, times: int) -> None:
    """Its retained status is its will, and `doctor` finds that none runs."""
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 3)
            await rig.kill_gateway()
            await rig.restart_gateway()
        await rig.kill_gateway()
        await rig.reports_absence()
        await rig.restart_gateway()
