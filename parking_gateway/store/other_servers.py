"""The servers of a URL that lists several: one of them may have been promoted while the old primary lives.

Connections to the old primary stand then, and what is written there is lost. So all servers are asked now and then.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import psycopg

from parking_gateway.store.known_server import ServerId
from parking_gateway.store.pool import Pool
from parking_gateway.store.server_check import server_of

_LISTS: Final = ("host", "hostaddr", "port")
_CONNECT_SECONDS: Final = 2


def each_server(given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The parameters of each server by itself."""
    lists = {name: given[name].split(",") for name in _LISTS if given.get(name)}
    for place in range(max(map(len, lists.values()), default=0)):
        # One port counts for all hosts.
        yield {**given, **{name: values[place] if len(values) > 1 else values[0] for name, values in lists.items()}}


async def promoted_elsewhere(pool: Pool) -> ServerId | None:
    """The server of the URL that accepts writes and was promoted later than the known one. None: there is none.

    Servers that do not answer within seconds are passed over.
    """
    last = pool.check.known.last
    if last is None or not pool.has_several_servers:
        return None
    for parameters in each_server(pool.given):
        with suppress(psycopg.Error, OSError):
            found = await _asked(parameters)
            if found and found.is_newer_than(last.server):
                return found
    return None


async def _asked(parameters: Mapping[str, Any]) -> ServerId | None:
    alone = {**parameters, "connect_timeout": _CONNECT_SECONDS, "target_session_attrs": "any"}
    async with await psycopg.AsyncConnection.connect(**alone, autocommit=True) as connection:
        return await server_of(connection)
