"""The verbs that change the register."""

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.requests.desk import Answer, Code, Refusal
from tests.events import OCCUPIED, VACANT
from tests.plugins.car_park import CarPark
from tests.register.test_registering import ONE, THREE, recorded, rows, sent
from tests.requests.conftest import Ask

SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}
ZONE = {"site": "central", "zone": "level-1"}
SITE = {"site": "central"}
BOSCH = "bosch_tps110_v029"
CLEARED = "select body ->> 'names' from outgoing where body ->> 'type' = 'clearing' and retry_at is null order by id"


async def answered(ask: Ask, verb: str, **parameters: Any) -> Any:
    """The data of the answer, as JSON has it."""
    outcome = await ask(verb, **parameters)
    assert isinstance(outcome, Answer), outcome
    return msgspec.to_builtins(outcome.data)


async def refused(ask: Ask, verb: str, **parameters: Any) -> tuple[Code, str]:
    outcome = await ask(verb, **parameters)
    assert isinstance(outcome, Refusal), outcome
    return outcome.code, outcome.message


async def names_of(engine: AsyncEngine) -> list[tuple[str, ...]]:
    return list(await rows(engine, "select site, zone, name from space_name where until = 'infinity' order by space"))


# --- names


async def test_a_renamed_space_is_due_under_its_new_name_and_the_old_topic_is_cleared(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    assert await answered(ask, "space/rename", **SPACE, name="B-1") == {"name": "central/level-1/B-1"}
    assert await names_of(engine) == [("central", "level-1", "B-1")]
    assert await rows(engine, CLEARED) == [('["central","level-1","A-1"]',)]
    former = "select site, zone, name, since = '-infinity' from space_name where until <> 'infinity'"
    assert await rows(engine, former) == [("central", "level-1", "A-1", True)]
    assert await rows(engine, "select version, published_version < 0 from space") == [(2, True)]


async def test_a_space_can_come_to_another_zone_of_its_site(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    assert await refused(ask, "space/rename", **SPACE, name="A-1", to_zone="roof") == (
        Code.NOT_FOUND,
        "There is no zone central/roof: `parking-gateway spaces list` lists all places",
    )
    async with engine.begin() as connection:
        await connection.execute(sa.text("insert into zone (site_id, name) select id, 'roof' from site"))
    assert await answered(ask, "space/rename", **SPACE, name="A-1", to_zone="roof") == {"name": "central/roof/A-1"}
    assert await names_of(engine) == [("central", "roof", "A-1")]
    assert await rows(engine, "select version from zone order by id") == [(2,), (1,)]


async def test_a_renamed_zone_and_site_take_their_spaces_along(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(2)
    await answered(ask, "zone/rename", **ZONE, name="ground")
    await answered(ask, "site/rename", **SITE, name="main")
    assert await names_of(engine) == [("main", "ground", "A-1"), ("main", "ground", "A-2")]
    assert {names for (names,) in await rows(engine, CLEARED)} == {
        '["central","level-1","A-1"]',
        '["central","level-1","A-2"]',
        '["central","level-1"]',
        '["central","ground","A-1"]',
        '["central","ground","A-2"]',
        '["central","ground"]',
        '["central"]',
    }


@pytest.mark.parametrize(
    ("verb", "parameters", "code", "sentence"),
    [
        ("space/rename", {**SPACE, "name": "A-2"}, Code.CONFLICT, "There is already central/level-1/A-2"),
        ("space/rename", {**SPACE, "name": "A/2"}, Code.INVALID, "name cannot be 'A/2'"),
        ("zone/rename", {**ZONE, "name": "level-1"}, Code.CONFLICT, "There is already central/level-1"),
        ("site/rename", {**SITE, "name": "central"}, Code.CONFLICT, "There is already central"),
        ("zone/rename", {**ZONE, "zone": "level-2", "name": "x"}, Code.NOT_FOUND, "There is no zone central/level-2"),
        ("zone/remove", ZONE, Code.CONFLICT, "The zone has 2 spaces: remove them too (with_spaces)"),
        ("site/remove", SITE, Code.CONFLICT, "The site has 2 spaces: remove them too (with_spaces)"),
        ("zone/set", {**ZONE, "settings": {"max_stay": "1h"}}, Code.INVALID, "max_stay cannot be '1h'"),
        ("zone/set", {**ZONE, "settings": {"colour": 1}}, Code.INVALID, "the key 'colour' is unknown"),
        ("device/unassign", {"dev_eui": "cafe"}, Code.INVALID, "dev_eui cannot be 'cafe'"),
        ("device/unassign", {"dev_eui": " "}, Code.INVALID, "dev_eui cannot be ' '"),
        ("device/unassign", {"dev_eui": THREE}, Code.NOT_FOUND, f"The device {THREE} watches no space"),
        ("device/assign", {**SPACE, "dev_eui": "cafe"}, Code.INVALID, "dev_eui cannot be 'cafe'"),
        ("device/assign", SPACE, Code.INVALID, "dev_eui and qr are missing"),
        ("device/assign", {**SPACE, "qr": "hello"}, Code.INVALID, "qr: The text is no label that the gateway reads"),
        ("device/assign", {**SPACE, "qr": ONE, "dev_eui": "f" * 16}, Code.INVALID, "The label is of the device a8404"),
        ("device/assign", {**SPACE, "space": "A-11", "dev_eui": ONE}, Code.NOT_FOUND, "There is no space"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(
    car_park: CarPark, ask: Ask, verb: str, parameters: dict[str, Any], code: Code, sentence: str
) -> None:
    await car_park(2)
    found, message = await refused(ask, verb, **parameters)
    assert (found, message[: len(sentence)]) == (code, sentence)


# --- removal


async def test_a_dry_run_says_what_goes_and_changes_nothing(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    expected = {"sites": [], "zones": ["central/level-1"], "spaces": ["central/level-1/A-1"]}
    expected |= {"unassigned": [ONE], "counters": []}
    assert await answered(ask, "zone/remove", **ZONE, with_spaces=True, dry_run=True) == expected
    assert await rows(engine, "select count(*) from space") == [(1,)]
    assert await answered(ask, "zone/remove", **ZONE, with_spaces=True) == expected
    assert await rows(engine, "select (select count(*) from space), (select count(*) from zone)") == [(0, 0)]
    assert await answered(ask, "site/remove", **SITE) == expected | {
        "sites": ["central"],
        "zones": [],
        "spaces": [],
        "unassigned": [],
    }


async def test_a_removed_space_ends_its_stay_and_its_reservations(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    await car_park(1)
    await answered(ask, "device/assign", **SPACE, dev_eui=ONE, codec=BOSCH)
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    async with engine.begin() as connection:
        book = "insert into reservation (space_id, during, by) select id, tstzrange(now(), now() + interval '1 h'), 'a' from space"
        await connection.execute(sa.text(book))
    outcome = await ask("space/remove", **SPACE)
    assert isinstance(outcome, Answer)
    assert msgspec.to_builtins(outcome.data)["unassigned"] == [ONE]
    assert [(one.after, one.cause) for one in outcome.committed.steps] == [("FREE", "sensor removed by anna")]
    assert outcome.committed.outgoing == 3  # two topics that are cleared, and the stay that ended
    assert await rows(engine, "select departure from past_stay") == [("sensor removed by anna",)]
    assert await rows(engine, "select status, why from reservation") == [("cancelled", "the space was removed")]
    assert await rows(engine, 'select name, "to" from transition join space_name using (space) order by id') == [
        ("A-1", "OCCUPIED"),
        ("A-1", "FREE"),
    ]
    assert await rows(engine, "select version from device") == [(3,)]


# --- devices and settings


async def test_a_device_is_assigned_moved_and_taken_away(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(2)
    options = {"occupied_below_mm": 400}
    await answered(ask, "device/assign", **SPACE, dev_eui=ONE, codec="milesight_em310_udl", options=options)
    other = SPACE | {"space": "A-2"}
    moved = await answered(ask, "device/assign", **other, dev_eui=ONE.upper(), lost_after=60)
    assert [one["after"] for one in moved["moved"]] == ["central/level-1/A-2"]
    assert await rows(engine, "select codec, options, lost_after from installation") == [
        ("milesight_em310_udl", {"occupied_below_mm": "400"}, 60)
    ]
    assert await answered(ask, "device/unassign", dev_eui=ONE) == {"spaces": ["central/level-1/A-2"]}
    assert await rows(engine, "select count(*) from installation") == [(0,)]


async def test_a_device_is_assigned_by_its_label(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    """The codec of the model is chosen if nobody chose another. Without a model, the codecs of the vendor are listed."""
    await car_park(1)
    of_model = f'{{"DevEUI": "24E124713B123456", "model": "VS351", "AppKey": "{"00" * 16}"}}'
    made = await answered(ask, "device/assign", **SPACE, qr=of_model)
    assert (made["label"]["chosen"], made["label"]["label"]["dev_eui"]) == ("milesight_vs351", "24e124713b123456")
    installed = "select dev_eui, codec from installation order by dev_eui"
    assert await rows(engine, installed) == [("24e124713b123456", "milesight_vs351")]
    kept = await answered(ask, "device/assign", **SPACE, qr=of_model.replace("VS351", "VS360"))
    assert (kept["label"].get("chosen"), kept["label"]["codecs"]) == (None, ["milesight_vs360"])
    assert await rows(engine, installed) == [("24e124713b123456", "milesight_vs351")]
    of_vendor = "LW:D0:24E124C0002A0001:24E124713B654321:02590001"
    listed = await answered(ask, "device/assign", **SPACE, qr=of_vendor, dev_eui="24:e1:24:71:3b:65:43:21")
    assert "chosen" not in listed["label"]
    assert {"milesight_em310_udl", "milesight_vs351"} < set(listed["label"]["codecs"])
    assert await rows(engine, installed) == [("24e124713b654321", None)]


async def test_a_space_whose_device_was_taken_away_is_not_live(
    car_park: CarPark, ask: Ask, engine: AsyncEngine
) -> None:
    """The same device, installed again, restores what it reported last."""
    await car_park(1)
    await answered(ask, "device/assign", **SPACE, dev_eui=ONE, codec=BOSCH)
    await recorded(engine, *sent(ONE, VACANT, OCCUPIED))
    await answered(ask, "device/unassign", dev_eui=ONE)
    state = "select state, occupancy, contact from space"
    assert await rows(engine, state) == [("FREE", None, "never")]
    await answered(ask, "device/assign", **SPACE, dev_eui=ONE, codec=BOSCH)
    assert await rows(engine, state) == [("OCCUPIED", "occupied", "live")]
    assert await rows(engine, "select count(*) from transition") == [(3,)]


async def test_settings_of_a_zone_and_a_site_are_changed(car_park: CarPark, ask: Ask, engine: AsyncEngine) -> None:
    await car_park(1)
    settings = {"max_stay": 7200, "stay_limits": ["ev 08:00-18:00 3600"], "keeps_on_leaving": True, "grace": 0}
    assert await answered(ask, "zone/set", **ZONE, settings=settings) == {"changed": True}
    assert await answered(ask, "zone/set", **ZONE, settings=settings) == {"changed": False}
    assert await answered(ask, "zone/set", **ZONE, settings={"max_stay": None}) == {"changed": True}
    limit = {"seconds": 3600, "audience": "ev", "begins": "08:00:00", "ends": "18:00:00"}
    assert await rows(engine, "select max_stay, stay_limits, keeps_on_leaving, grace from zone") == [
        (None, [limit], True, 0)
    ]
    settings = {"time_zone": "Europe/Berlin", "lat": 52.5, "lon": -1}
    assert await answered(ask, "site/set", **SITE, settings=settings) == {"changed": True}
    assert await answered(ask, "site/set", **SITE, settings={"time_zone": None}) == {"changed": True}
    assert await rows(engine, "select time_zone from site") == [("UTC",)]
