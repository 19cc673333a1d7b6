"""The other servers of a URL: which of them was promoted, and what is said of one that may not be written to."""

import psycopg
import pytest

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.config.database_url import parameters
from parking_gateway.store.other_servers import each_server, promoted_elsewhere
from parking_gateway.store.pool import opened
from parking_gateway.store.replication import Replication
from parking_gateway.store.verdicts import Verdict, diagnosis_of
from tests.plugins.pair import Pair

SHOW_PORT = "select current_setting('port')::int"


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql://a/p", [("a", None)]),
        ("postgresql://a:1,b:2/p", [("a", "1"), ("b", "2")]),
        ("postgresql:///p?host=a,b&port=5433", [("a", "5433"), ("b", "5433")]),
    ],
)
def test_a_url_has_these_servers(url: str, servers: list[tuple[str, str | None]]) -> None:
    assert [(one["host"], one.get("port")) for one in each_server(parameters(url))] == servers


async def test_a_standby_that_was_promoted_while_the_primary_lives_is_found_and_the_primary_is_left(pair: Pair) -> None:
    pair.start()
    async with opened(pair.url, DatabaseConfig()) as pool:
        async with pool.connect_aside() as connection:
            assert await (await connection.execute(SHOW_PORT)).fetchone() == (pair.first.port,)
        assert await promoted_elsewhere(pool) is None
        pair.second.promote()
        found = await promoted_elsewhere(pool)
        assert found is not None
        assert found.timeline == 2
        pool.check.meet(found)
        assert pair.first.value("select not pg_is_in_recovery()")
        async with pool.connect_aside() as connection:
            assert await (await connection.execute(SHOW_PORT)).fetchone() == (pair.second.port,)
        assert await promoted_elsewhere(pool) is None


async def test_a_list_of_servers_of_which_none_may_be_written_to_is_named_with_what_to_do(pair: Pair) -> None:
    """The list is of one server, twice."""
    pair.start()
    url = pair.second.url.replace(f"127.0.0.1:{pair.second.port}", ",".join([f"127.0.0.1:{pair.second.port}"] * 2))
    async with opened(url, DatabaseConfig()) as pool:
        with pytest.raises(psycopg.OperationalError) as raised:
            async with pool.connect_aside():
                pass
    diagnosis = diagnosis_of(raised.value)
    assert diagnosis.verdict is Verdict.AWAY
    assert "The server is a standby or read-only" in diagnosis.sentence


def test_a_role_whose_commits_wait_for_no_standby_is_named_with_the_remedy() -> None:
    found = Replication(names="*", synchronous_commit="off", standbys=1, waiting=0, is_standby=False)
    assert found.complaint is not None
    assert "because synchronous_commit = off" in found.complaint
    assert "alter role parking reset synchronous_commit" in found.complaint
