"""The hot statements: they fit the tables, psql executes them as they are written, and they order frames as Python does."""

import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decoders import Reading
from parking_gateway.core.clocks import Mark, compare
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.store import devices, embedded, hot, uplinks
from parking_gateway.store.hot import HOT
from parking_gateway.store.pool import Pool
from tests.events import dev_eui_of

STORE = Path(hot.__file__).parent
OTHER_TYPES = {"data": "text[]"}
"""Parameters of another type than their columns. Bytes travel as Base64."""
SCALARS = {
    "received_at": "2026-11-26 18:00Z",
    "updated_at": "2026-11-26 18:00Z",
    "uplinks": "0",
    "limit": "10",
    "step_back": "3600 s",
    "counters_apart": "64",
    "place_of_battery": "{6}",
    "kept": "7 days",
    "bodies": "[]",
}
"""Parameters that are no column of a batch."""


@pytest.fixture
def types(database: str) -> Mapping[str, set[str]]:
    """The types of the columns of our tables, and of arrays of them, by the names of the columns."""
    statement = """
        select attname, array_agg(distinct atttypid::regtype::text), array_agg(distinct typarray::regtype::text)
        from pg_attribute
        join pg_type on pg_type.oid = atttypid
        where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p'))
        group by attname
    """
    with psycopg.connect(database) as connection:
        return {name: {*columns, *arrays} for name, columns, arrays in connection.execute(statement)}


@pytest.mark.parametrize("name", HOT)
def test_a_statement_has_the_types_of_the_tables(database: str, types: Mapping[str, set[str]], name: str) -> None:
    statement = HOT[name]
    with psycopg.connect(database) as connection:
        prepared = connection.pgconn.prepare(b"", statement.text.encode())
        assert prepared.error_message == b""
        known = connection.pgconn.describe_prepared(b"")
        given = [(parameter, known.param_type(place)) for place, parameter in enumerate(statement.parameters)]
        answered = [((known.fname(place) or b"").decode(), known.ftype(place)) for place in range(known.nfields)]
        found = connection.execute("select oid::int, oid::regtype::text from pg_type")
        names: dict[int, str] = dict(found.fetchall())
    wrong = [
        (parameter, names[oid])
        for parameter, oid in given + answered
        if parameter in types and names[oid] not in {*types[parameter], OTHER_TYPES.get(parameter)}
    ]
    assert wrong == []


def test_psql_executes_all_of_them_as_they_are_written(database: str) -> None:
    parameters = {name for statement in HOT.values() for name in statement.parameters}
    values = [f"--set={name}={SCALARS.get(name, '{}')}" for name in parameters]
    file = STORE / "hot.sql"
    command = [
        str(embedded.programs() / "psql"),
        database,
        "--no-psqlrc",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        *values,
        "--file",
        str(file),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_statement_is_executed_by_somebody_and_has_a_sentence() -> None:
    used = {name for file in STORE.glob("*.py") for name in re.findall(r'HOT\["(\w+)"\]', file.read_text())}
    assert used == set(HOT)
    assert all(re.fullmatch(r"[A-Z].*\.", statement.sentence) for statement in HOT.values())


# --- the order of frames

NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
seconds = st.sampled_from([0, 1, 1800, 3599, 3600, 3601, 7200, -3600, -3601])
marks = st.builds(
    Mark,
    heard_at=seconds.map(lambda some: NOW + timedelta(seconds=some)),
    dev_addr=st.sampled_from(["01a2d830", "01ffffff", None]),
    f_cnt=st.sampled_from([0, 1, 63, 64, 65, 130]),
)
pairs = st.lists(st.tuples(marks, marks), min_size=40, max_size=40)
for_each_example = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


def uplink_of(number: int, frame: Mark) -> Uplink:
    return Uplink(
        deduplication_id=UUID(int=number),
        device=DeviceIdentity(dev_eui=DevEui(dev_eui_of(number))),
        time=frame.heard_at,
        heard_at=frame.heard_at,
        received_at=NOW,
        f_cnt=frame.f_cnt,
        dev_addr=frame.dev_addr,
        f_port=1,
        data=b"",
    )


@for_each_example
@given(pairs=pairs)
async def test_a_frame_that_came_late_leaves_the_row_of_its_device(pool: Pool, pairs: list[tuple[Mark, Mark]]) -> None:
    recorded = [uplink_of(number, frame) for number, (frame, _) in enumerate(pairs)]
    readings = [DeviceReading(uplink=uplink_of(number, frame)) for number, (_, frame) in enumerate(pairs)]
    async with pool.connect() as connection:
        await connection.together(uplinks.add(map(DeviceReading, recorded), {}), *devices.update(readings, {}))
        (written,) = await connection.together(devices.snapshots([one.device.dev_eui for one in recorded]))
        await connection.rollback()
    expected = {dev_eui_of(number) for number, (one, other) in enumerate(pairs) if compare(one, other) <= 0}
    assert set(written) == expected


@for_each_example
@given(pairs=pairs)
async def test_the_later_battery_is_kept(pool: Pool, pairs: list[tuple[Mark, Mark]]) -> None:
    """Of two at one time the higher one, which is the first one here. The uplink itself is not late."""
    readings = [
        [
            DeviceReading(uplink=uplink_of(number, pair[place]), reading=Reading(battery_percent=percent))
            for number, pair in enumerate(pairs)
        ]
        for place, percent in ((0, 80), (1, 20))
    ]
    async with pool.connect() as connection:
        for some in readings:
            await connection.together(*devices.update(some, {}))
        (written,) = await connection.together(devices.snapshots([one.uplink.device.dev_eui for one in readings[0]]))
        await connection.rollback()
    expected = [80 if compare(one, other) > 0 or one.heard_at == other.heard_at else 20 for one, other in pairs]
    assert [written[DevEui(dev_eui_of(number))].battery_percent for number in range(len(pairs))] == expected
