"""The upper limit: a loop that only receives and acknowledges, on the gateway's own broker module.

`python -m benchmarks.receive UPLINKS`, with the gateway's environment variables.
"""

import asyncio
import sys

from benchmarks.standing import link, report_drained
from parking_gateway.process.config import Config, load


async def drain(config: Config, uplinks: int) -> None:
    """Acknowledge this number of uplinks."""
    async with link(config) as broker:
        async for batch in broker.batches(limit=config.intake.batch_size):
            broker.acknowledge(batch)
            uplinks -= len(batch)
            if uplinks <= 0:
                return


if __name__ == "__main__":
    asyncio.run(drain(load(), int(sys.argv[1])))
    report_drained()
