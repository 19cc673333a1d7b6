"""Counters in files of the register."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import files
from parking_gateway.register.counters import registered_counters
from parking_gateway.register.entries import Mistake
from parking_gateway.register.present import registered, registered_settings
from parking_gateway.register.registering import Entered, enter
from parking_gateway.register.summary import sentences
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import NOON, VACANT, dev_eui_of
from tests.register.test_registering import ONE, TWO, entry, kept, recorded, rows, sent, tried

COUNTER = "24e124a84041000d"
REGISTER = f"""
[[zones]]
site = "central"
zone = "park"
capacity = 120
resets_at = "03:30"

[[counters]]
site = "central"
zone = "park"
dev_eui = "{COUNTER}"
direction = "both"
channel = 2
codec = "milesight_vs133"
options = {{ "port" = "86" }}
"""


async def imported(engine: AsyncEngine, text: str, *, prune: bool = False) -> Entered | list[Mistake]:
    sheet = files.read("park.toml", text.encode(), decoder=Decoder())
    assert sheet.mistakes == ()
    async with engine.connect() as connection:
        ours = PipelinedConnection(connection)
        outcome = await enter(ours, sheet, decoder=Decoder(), now=NOON, prune=prune)
        if isinstance(outcome, Entered):
            await ours.commit_together()
        return outcome


async def test_an_exported_file_has_the_counters_and_its_import_changes_nothing(engine: AsyncEngine) -> None:
    entered = await imported(engine, REGISTER)
    assert isinstance(entered, Entered)
    assert entered.outcome.counters == 1
    async with engine.begin() as connection:
        await connection.execute(sa.text("update counter set tracks = jsonb_build_object('came', null)"))
    async with engine.connect() as connection:
        ours = PipelinedConnection(connection)
        counters = await registered_counters(ours)
        text = files.text_of("park.toml", await registered(ours), await registered_settings(ours), counters)
    assert text.split() == REGISTER.split()
    assert isinstance(await imported(engine, text), Entered)
    assert await rows(engine, "select dev_eui, channel, direction, tracks is not null from counter") == [
        (COUNTER, 2, "both", True)
    ]
    await imported(engine, text.replace("both", "in"))
    assert await rows(engine, "select direction, tracks is not null from counter") == [("in", False)]


async def test_a_counter_of_a_zone_that_is_not_counted_changes_nothing(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    text = f'[[counters]]\nsite = "central"\nzone = "level-1"\ndev_eui = "{COUNTER}"\n'
    refused = await imported(engine, text)
    assert isinstance(refused, list)
    assert str(refused[0]).startswith("line 1: The zone central/level-1 is not counted: ")
    watching = await imported(engine, REGISTER.replace(COUNTER, ONE))
    assert isinstance(watching, list)
    assert "watches the space central/level-1/A" in str(watching[0])
    assert await rows(engine, "select from counter") == []
    assert await rows(engine, "select name from zone") == [("level-1",)]


async def test_a_device_that_counts_a_zone_cannot_watch_a_space(engine: AsyncEngine) -> None:
    """Its uplinks would go to the space, and the count of the zone would stay as it is."""
    await imported(engine, REGISTER)
    async with engine.begin() as connection:
        refused = await tried(connection, entry("A", ONE), entry("B", DevEui(COUNTER)))
    assert refused == [
        Mistake(
            "line B",
            f"{COUNTER} counts the zone central/park, so it cannot watch a space as well:"
            f" `parking-gateway zones counter remove {COUNTER} --channel 2` ends that",
        )
    ]
    assert await rows(engine, "select from installation") == []
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from counter"))
    await kept(engine, entry("B", DevEui(COUNTER)))


SPACE_OF_PARK = '[[spaces]]\nsite = "central"\nzone = "park"\nspace = "A"\n'
OTHER = '[[spaces]]\nsite = "central"\nzone = "level-1"\nspace = "A"\n'


async def test_a_zone_that_only_counters_name_is_not_pruned(engine: AsyncEngine) -> None:
    await imported(engine, REGISTER + SPACE_OF_PARK)
    entered = await imported(engine, REGISTER[REGISTER.index("[[counters]]") :] + OTHER, prune=True)
    assert isinstance(entered, Entered)
    assert (entered.outcome.pruned.spaces, entered.outcome.pruned.zones) == (["central/park/A"], [])
    assert await rows(engine, "select dev_eui, name from counter join zone on zone.id = zone_id") == [(COUNTER, "park")]


async def test_a_pruned_zone_is_named_with_its_counters_which_are_published(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    await recorded(engine, *sent(ONE, VACANT))
    counting = REGISTER.replace(COUNTER, TWO)
    await recorded(engine, *sent(TWO, VACANT))
    await imported(engine, counting + SPACE_OF_PARK)
    versions = f"select version from device where dev_eui = '{TWO}'"
    ((before,),) = await rows(engine, versions)
    entered = await imported(engine, OTHER, prune=True)
    assert isinstance(entered, Entered)
    assert "Removed: the zone central/park." in sentences(entered.outcome)
    assert f"Removed: the counter {TWO}, because its zone was removed." in sentences(entered.outcome)
    assert await rows(engine, "select from counter") == []
    assert await rows(engine, versions) == [(before + 1,)]


async def test_a_file_that_names_nothing_prunes_nothing(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    refused = await imported(engine, "", prune=True)
    assert isinstance(refused, list)
    assert list(map(str, refused)) == ["the file: it names no place, so --prune would remove the whole register"]
    assert await rows(engine, "select name from space") == [("A",)]


def test_every_mistake_about_a_counter_is_named() -> None:
    text = f"""
[[spaces]]
site = "central"
zone = "level-1"
space = "A"
dev_eui = "{TWO}"

[[counters]]
site = "central"
zone = "park"
direction = "up"

[[counters]]
site = "central"
zone = "park"
dev_eui = "{TWO}"

[[counters]]
site = "central"
zone = "park"
dev_eui = "{dev_eui_of(3)}"
codec = "milesight_vs1355"

[[counters]]
site = "central"
zone = "park"
dev_eui = "{dev_eui_of(4)}"
codec = "milesight_vs133"
channel = 5
"""
    sheet = files.read("park.toml", text.encode(), decoder=Decoder())
    assert [str(one) for one in sheet.mistakes] == [
        "line 8: dev_eui is missing",
        "line 8: direction cannot be 'up', only in, out, both",
        "line 18: no codec is named milesight_vs1355; did you mean milesight_vs135?",
        "line 24: channel cannot be 5: the channels of milesight_vs133 are 1, 2, 3, 4",
        f"line 2: the device {TWO} stands already in line 13",
    ]


async def test_a_zone_that_a_counter_names_is_kept_when_its_spaces_are_pruned(engine: AsyncEngine) -> None:
    await kept(engine, entry("A", ONE))
    async with engine.begin() as connection:
        await connection.execute(sa.text("update zone set capacity = 40"))
    text = f'[[counters]]\nsite = "central"\nzone = "level-1"\ndev_eui = "{COUNTER}"\n'
    sheet = files.read("park.toml", text.encode(), decoder=Decoder())
    async with engine.connect() as connection:
        ours = PipelinedConnection(connection)
        outcome = await enter(ours, sheet, decoder=Decoder(), now=NOON, prune=True)
        assert isinstance(outcome, Entered)
        await ours.commit_together()
    assert await rows(engine, "select name from space") == []
    assert await rows(engine, "select dev_eui from counter join zone on zone.id = zone_id") == [(COUNTER,)]
