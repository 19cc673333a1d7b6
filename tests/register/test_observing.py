"""Observe first, by files: sensors leave their spaces and come back, and the same file changes nothing."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import csv_files, files, toml_files
from parking_gateway.register.entries import Entry
from parking_gateway.register.outcome import Registered
from parking_gateway.register.present import registered
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import OCCUPIED, VACANT
from tests.register.test_registering import ONE, THREE, TWO, entry, kept, recorded, rows, sent

STATE = "select state, occupancy, contact, sensors is not null from space order by name"
LEFT = "select observe, observe_left from installation order by dev_eui"
HEADER = "site,zone,space,dev_eui,codec,observe"


async def imported(engine: AsyncEngine, *lines: str) -> Registered:
    """Import a file with these lines."""
    sheet = files.read("spaces.csv", "\n".join([HEADER, *lines]).encode(), decoder=Decoder())
    assert sheet.mistakes == ()
    return await kept(engine, *sheet.entries)


def line(space: str, device: DevEui, observe: str) -> str:
    return f"central,level-1,{space},{device},bosch_tps110_v029,{observe}"


async def later(engine: AsyncEngine, device: DevEui, *statuses: bytes, at: int) -> None:
    """Uplinks of the device, each in a transaction of its own, as they come."""
    for one in sent(device, *[VACANT] * at, *statuses)[at:]:
        await recorded(engine, one)


async def test_the_same_file_begins_no_observation_anew(engine: AsyncEngine) -> None:
    for before, left in ((0, [(2, 2)]), (1, [(2, 1)]), (2, [(2, None)])):
        outcome = await imported(engine, line("A", ONE, "2"))
        assert await rows(engine, LEFT) == left
        assert outcome.installations.unchanged == (before > 0)
        await later(engine, ONE, OCCUPIED, at=before)
    assert await rows(engine, STATE) == [("OCCUPIED", "occupied", "live", False)]
    await imported(engine, line("A", ONE, "3"))
    assert await rows(engine, LEFT) == [(3, 3)]
    assert await rows(engine, STATE) == [("FREE", None, "never", False)]
    await imported(engine, line("A", ONE, "no"))
    assert await rows(engine, LEFT) == [(None, None)]
    assert await rows(engine, STATE) == [("FREE", None, "never", False)]


async def test_a_file_of_the_register_has_the_wish(engine: AsyncEngine) -> None:
    await imported(engine, line("A", ONE, "Yes"), line("B", TWO, "50"), line("C", THREE, ""))
    assert await rows(engine, LEFT) == [(ENDLESS, ENDLESS), (50, 50), (None, None)]
    await later(engine, TWO, VACANT, at=0)
    async with engine.connect() as connection:
        entries = await registered(PipelinedConnection(connection))
    for name, text in (("a.csv", csv_files.text_of(entries)), ("a.toml", toml_files.text_of(entries, []))):
        sheet = files.read(name, text.encode(), decoder=Decoder())
        assert [one.assignment and one.assignment.observe for one in sheet.entries] == [ENDLESS, 50, None]
        assert (await kept(engine, *sheet.entries)).installations.unchanged == 3


def test_a_wrong_wish_is_named_with_its_line() -> None:
    lines = [line("A", ONE, "-1"), line("B", TWO, "soon"), "central,level-1,C,,,5"]
    sheet = files.read("spaces.csv", "\n".join([HEADER, *lines]).encode(), decoder=Decoder())
    assert [str(one) for one in sheet.mistakes] == [
        "line 2: observe cannot be '-1', only a number of uplinks up to 999999, yes or no",
        "line 3: observe cannot be 'soon', only a number of uplinks up to 999999, yes or no",
        "line 4: observe says for how many uplinks a device is observed first, but dev_eui names none",
    ]
    text = '[[spaces]]\nsite = "a"\nzone = "b"\nspace = "c"\nobserve = 1.5\n'
    sheet = files.read("spaces.toml", text.encode(), decoder=Decoder())
    assert [str(one) for one in sheet.mistakes] == ["line 1: observe must be a number of uplinks, true or false"]


async def test_a_new_sensor_beside_the_present_one_leaves_it_alone(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    await recorded(engine, *sent(ONE, OCCUPIED), *sent(TWO, VACANT, at=5))
    before = await rows(engine, "select row_to_json(space)::text from space")
    outcome = await kept(engine, observed(entry("A", TWO), 5))
    assert (outcome.removed, outcome.replayed.transitions) == ([], 0)
    assert await rows(engine, "select row_to_json(space)::text from space") == before
    assert await rows(engine, "select count(*) from observed") == [(0,)], "an uplink from before was not observed"


async def test_a_sensor_that_moves_is_observed_as_before(engine: AsyncEngine) -> None:
    await kept(engine, observed(entry("A", ONE), 5))
    await later(engine, ONE, OCCUPIED, at=0)
    sheet = files.read("a.csv", f"site,zone,space,dev_eui\ncentral,level-1,B,{ONE}".encode(), decoder=Decoder())
    outcome = await kept(engine, *sheet.entries)
    assert [one.after for one in outcome.moved] == ["central/level-1/B"]
    assert await rows(engine, LEFT) == [(5, 4)]
    assert await rows(engine, STATE) == [("FREE", None, "never", False)] * 2


def observed(one: Entry, uplinks: int) -> Entry:
    """A sensor more, observed first."""
    assert one.assignment is not None
    assignment = msgspec.structs.replace(one.assignment, observe=uplinks)
    return msgspec.structs.replace(one, assignment=assignment, is_further=True)
