"""The retained messages: what a new subscriber receives by a wildcard, and on the exact topics."""

from datetime import timedelta
from typing import Final

from parking_gateway.cli.demo.audited_topics import wrong_topics
from parking_gateway.cli.demo.recorded import read_database
from parking_gateway.cli.demo.retained import ROOT
from tests.brokers.notes import RETAINED
from tests.brokers.pictures import EVERYTHING, read, topics_of
from tests.brokers.stand import Stand, within

_HEALED: Final = timedelta(seconds=120)
"""A gateway that has connected several times waits up to a minute before it reads its retained messages back."""


async def picture(stand: Stand) -> None:
    """Every node has one and the same picture, which equals the database."""
    has_wildcard = stand.engine.expected.has_wildcard
    complaints = await wrong_pictures(stand)
    stand.notes.complain(complaints)
    topics = topics_of(await read_database(stand.server.url))
    found = (await read(stand.working.url, [EVERYTHING], topics)).keys() & {*topics}
    stand.notes.note(RETAINED, f"{len(found)} of {len(topics)}")
    if has_wildcard is not bool(found):
        stand.notes.complain([f"a wildcard receives {len(found)} retained messages of {len(topics)}"])
    if not has_wildcard:
        exact = (await read(stand.working.url, topics, topics)).keys() & {*topics}
        stand.notes.note(RETAINED, f"{len(exact)} of {len(topics)} on exact topics")


async def wrong_pictures(stand: Stand) -> list[str]:
    """What differs from the database on any node, once the gateways had time to publish."""
    wrong: list[str] = []

    async def is_right() -> bool:
        contents = await read_database(stand.server.url)
        topics = topics_of(contents)
        filters = [EVERYTHING] if stand.engine.expected.has_wildcard else topics
        wrong.clear()
        for node in stand.nodes:
            if node.accepts:
                found = await read(node.url, filters, topics)
                wrong.extend(f"{node.name}: {one}" for one in wrong_topics(contents, found, ROOT))
        return not wrong

    await within(_HEALED, is_right)
    return wrong
