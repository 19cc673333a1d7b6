"""A backup and the archive of the log are restored to a moment, as after a mistake of a person."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime

from parking_gateway.cli.demo.audit import wait_for_empty_backlog
from parking_gateway.cli.demo.fleet import TimedEvent
from tests import forked
from tests.databases.pairs import first_commit, ids_of, pair_of
from tests.databases.registry import trial
from tests.plugins.chirpstack_api import KEY, ChirpStackApi
from tests.proof.load import traffic
from tests.proof.rig import Rig
from tests.whole_gateway import retained_versions

_PER_SECOND = 50
"""So each of 50 sensors sends once a second, and ChirpStack has the last ten events of each."""


@trial(
    "moment",
    "restored to a moment 3 s ago (base backup, archive of the log); ChirpStack still has the uplinks",
    short=0,
    long=1,
)
async def restored_to_a_moment(rig: Rig, times: int) -> None:
    """The rows after the moment are gone, and what was published of them is newer than the database."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=False)
    await asyncio.to_thread(pair.second.stop)
    archive = rig.folder / "archive"
    archive.mkdir(mode=0o777)
    archive.chmod(0o777)
    await asyncio.to_thread(pair.first.archive_into, archive)
    api = ChirpStackApi()
    api.start()
    rig.afterwards.callback(api.stop)
    rig.gateway.configure(CHIRPSTACK__API_URL=f"http://localhost:{api.port}", CHIRPSTACK__API_KEY=KEY)
    rig.load.follow(_stored(api, traffic(rig.devices)))
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        await rig.pause(1, 2)
        await asyncio.to_thread(pair.second.copy, pair.first)
        await rig.pause(1, 2)
        moment: datetime = pair.first.value("select clock_timestamp()")
        await asyncio.sleep(3)
    await wait_for_empty_backlog(rig.ledger, rig.server.url)
    before = await retained_versions(rig.broker)
    last_step = pair.first.value("select max(id) from transition")
    await asyncio.to_thread(pair.first.close_log, archive)
    everything = ids_of(pair.first)
    await asyncio.to_thread(pair.first.kill)
    rig.server.url = pair.second.url
    began = rig.seconds()
    await asyncio.to_thread(pair.second.recover_to, moment.isoformat(), archive)
    gone = everything - ids_of(pair.second)
    rig.happened(len(gone) > _PER_SECOND)
    async with rig.load.steady(_PER_SECOND):
        await first_commit(rig, since=began)
        await rig.settle()
    order = ("heal", "--since", moment.isoformat(), "--json")
    healed = json.loads((await asyncio.to_thread(forked.run, *order, env=rig.gateway.environment)).stdout)
    assert gone <= ids_of(pair.second), healed
    after = await retained_versions(rig.broker)
    assert all(after[topic] > version for topic, version in before.items())
    assert pair.second.value("select max(id) from transition") > last_step
    rig.reports.append(
        f"{len(gone):,} uplinks came after the moment, and all were fetched from ChirpStack; versions and ids of steps are"
        " above all that were published"
    )


def _stored(api: ChirpStackApi, uplinks: Iterator[TimedEvent]) -> Iterator[TimedEvent]:
    """ChirpStack stores them when it publishes them."""
    for one in uplinks:
        api.store(one.topic.split("/")[3], one.payload)
        yield one
