"""`doctor` measures how far the standby of an asynchronous pair is behind."""

from collections.abc import AsyncIterator

import pytest

from parking_gateway.cli.doctor.servers import examine_servers
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.pool import Pool, opened
from tests.plugins.pair import Pair
from tests.plugins.proxy import Proxied, Proxy


@pytest.fixture
def network(pair: Pair, proxied: Proxied) -> Proxy:
    """Between the two servers, which have started."""
    proxy = proxied(pair.first.port)
    pair.start()
    before = pair.first.value("select pid from pg_stat_replication")
    pair.second.receive_from(proxy.port)
    pair.first.wait_for_standby(other_than=before)
    return proxy


@pytest.fixture
async def pool(pair: Pair) -> AsyncIterator[Pool]:
    """Of the primary."""
    async with opened(pair.first.url, DatabaseConfig()) as pool:
        yield pool


async def standby_of(pool: Pool) -> Check:
    """What `doctor` finds about it."""
    (check,) = [one for one in await examine_servers(pool) if one.about == "standby"]
    return check


async def test_a_standby_that_receives_everything_is_fine(pool: Pool, network: Proxy) -> None:
    check = await standby_of(pool)
    assert network.connections
    assert check.verdict == "fine"
    assert "commits do not wait for it (1 connected standby server), and it is 0 bytes" in check.detail


async def test_a_standby_that_is_seconds_behind_is_wrong(pair: Pair, pool: Pool, network: Proxy) -> None:
    network.stall()
    pair.first.execute("create table written as select generate_series(1, 1000)")
    check = await standby_of(pool)
    assert check.verdict == "wrong"
    assert "it is more than 2 s behind" in check.detail


async def test_a_role_that_may_not_see_the_lag_reads_which_role_may(pair: Pair, network: Proxy) -> None:
    pair.first.execute("create role ordinary login")
    async with opened(pair.first.url.replace("postgres@", "ordinary@"), DatabaseConfig()) as pool:
        check = await standby_of(pool)
    assert network.connections
    assert check.verdict == "fine"
    assert "only a member of pg_monitor sees" in check.detail
