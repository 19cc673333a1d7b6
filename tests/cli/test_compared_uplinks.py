"""`decode --all` shows where another codec, or another version of one, reads uplinks differently."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.decoding import codecs
from parking_gateway.store.pool import Pool
from tests.cli.test_register import invoke
from tests.cli.test_rejections import ONE, TWO, frames, recorded, rows, use
from tests.cli.test_replay import OLD, OPPOSITE, read_before
from tests.events import NOON, OCCUPIED, VACANT, up
from tests.plugins.car_park import CarPark

BOSCH = str(codecs.find("bosch_tps110_v029").identity)


@pytest.fixture
async def stored(engine: AsyncEngine, car_park: CarPark, pool: Pool) -> None:
    """Three uplinks of one device, read by an older version of its codec, and one of a device that no codec could read."""
    await car_park(2)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT, OCCUPIED))
    await read_before(pool)
    await use(engine, "milesight_em310_udl", TWO)
    await recorded(engine, *frames(TWO, OCCUPIED))
    await use(engine, "bosch_tps110_v029", TWO)


@pytest.mark.usefixtures("stored")
async def test_the_next_file_of_a_codec_is_compared_with_the_present_one(
    engine: AsyncEngine, database: str, tmp_path: Path
) -> None:
    (tmp_path / "bosch_tps110_v029.py").write_text(OPPOSITE)
    file = tmp_path / "bosch_tps110_v029.py"
    before = await rows(engine, "select cast(uplink as text) from uplink order by 1")
    arguments = ("decode", file, "--all", "stored", "--device", ONE)
    result = await asyncio.to_thread(invoke, database, *arguments)
    now = str(codecs.load(file).identity)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "codec\tfield\tbefore\tnow\tuplinks\tfor example\tdevice\theard at (UTC)",
        f"{now}\toccupancy\toccupied\tvacant\t2\toccupied → vacant\t{ONE}\t{NOON:%Y-%m-%d %H:%M:%S}",
        f"{now}\toccupancy\tvacant\toccupied\t1\tvacant → occupied\t{ONE}\t{NOON:%Y-%m-%d} 12:01:00",
        "",
        "was read by\tis read by\tuplinks",
        f"{OLD}\t{now}\t3",
        "",
        "3 uplinks: 3 compared, 3 of them read differently, 0 undecodable now, 0 without a codec.",
    ]
    assert await rows(engine, "select cast(uplink as text) from uplink order by 1") == before


@pytest.mark.usefixtures("stored")
async def test_the_present_version_is_compared_with_what_the_database_has(
    engine: AsyncEngine, database: str, tmp_path: Path
) -> None:
    """The readings of an earlier version are not kept. Its occupancies and rejections are."""
    result = await asyncio.to_thread(invoke, database, "decode", "--all", "stored")
    assert result.returncode == 1
    assert (
        result.stdout.splitlines()[-1]
        == "4 uplinks: 4 compared, 1 of them read differently, 0 undecodable now, 0 without a codec."
    )
    (difference,) = [line.split("\t") for line in result.stdout.splitlines() if "\tundecodable\t" in line]
    assert difference[3:5] == ["-", "1"]
    assert difference[2].startswith("milesight_em310_udl: ")
    (tmp_path / "own.py").write_text(OPPOSITE)
    await use(engine, "own")
    changed = await asyncio.to_thread(
        invoke, database, "decode", "--all", "stored", "--device", ONE, DECODERS__FOLDER=str(tmp_path)
    )
    assert (
        changed.stdout.splitlines()[-1]
        == "3 uplinks: 3 compared, 3 of them read differently, 0 undecodable now, 0 without a codec."
    )


async def test_an_observed_device_is_compared_with_its_own_occupancies(
    engine: AsyncEngine, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    """Its space has another state, because an observed device does not change it."""
    await car_park(1)
    await asyncio.to_thread(invoke, database, "devices", "observe", ONE, "50")
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT))
    assert await rows(engine, "select occupancy from observed order by at") == [("occupied",), ("vacant",)]
    same = await asyncio.to_thread(invoke, database, "decode", "--all", "stored")
    assert (
        same.stdout.splitlines()[-1]
        == "2 uplinks: 2 compared, 0 of them read differently, 0 undecodable now, 0 without a codec."
    )
    (tmp_path / "own.py").write_text(OPPOSITE)
    await use(engine, "own")
    other = await asyncio.to_thread(invoke, database, "decode", "--all", "stored", DECODERS__FOLDER=str(tmp_path))
    assert (
        other.stdout.splitlines()[-1]
        == "2 uplinks: 2 compared, 2 of them read differently, 0 undecodable now, 0 without a codec."
    )


@pytest.mark.usefixtures("stored")
async def test_lines_of_a_comparison_are_compared_with_a_later_version(database: str, tmp_path: Path) -> None:
    arguments = ("decode", "--all", "stored", "--device", ONE, "--json")
    written = await asyncio.to_thread(invoke, database, *arguments)
    assert written.returncode == 0
    kept = tmp_path / "before.jsonl"
    kept.write_text(written.stdout)
    first = json.loads(written.stdout.splitlines()[0])
    assert (first["read_by"], first["reading"]["occupancy"], first["dev_eui"]) == (BOSCH, "occupied", ONE)
    same = await asyncio.to_thread(invoke, database, "decode", "--all", kept)
    assert (same.returncode, same.stdout.splitlines()[-1]) == (
        0,
        "3 uplinks: 3 compared, 0 of them read differently, 0 undecodable now, 0 without a codec.",
    )
    (tmp_path / "own.py").write_text(OPPOSITE)
    kept.write_text(written.stdout.replace('"bosch_tps110_v029"', '"own"'))
    other = await asyncio.to_thread(invoke, database, "decode", "--all", kept, DECODERS__FOLDER=str(tmp_path))
    assert other.returncode == 1
    assert f"{BOSCH}\t{codecs.find('own', dropins=tmp_path).identity}\t3" in other.stdout


def test_events_and_rows_of_an_archive_are_uplinks_too(database: str, tmp_path: Path) -> None:
    event = up(ONE, OCCUPIED, at=0, f_cnt=1, tags={"codec": "bosch_tps110_v029"})
    row = {
        "deduplication_id": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "dev_eui": ONE,
        "time": NOON.isoformat(),
        "heard_at": NOON.isoformat(),
        "received_at": NOON.isoformat(),
        "f_cnt": 1,
        "f_port": 1,
        "data": "\\x01",
        "dev_addr": None,
        "dr": 5,
        "confirmed": False,
        "rssi": None,
        "snr": None,
        "gateway_count": 1,
        "object": None,
        "codec_id": 1,
        "codec": str(OLD),
    }
    file = tmp_path / "uplinks.jsonl.gz"
    document = json.dumps(json.loads(event)).encode()
    file.write_bytes(gzip.compress(document + b"\n" + json.dumps(row).encode() + b"\n\n"))
    (tmp_path / "own.py").write_text(OPPOSITE)
    result = invoke(database, "decode", tmp_path / "own.py", "--all", file)
    assert (
        result.stdout.splitlines()[-1]
        == "2 uplinks: 2 compared, 2 of them read differently, 0 undecodable now, 0 without a codec."
    )
    alone = invoke(database, "decode", "--all", file)
    assert (alone.returncode, "Nothing is known of earlier readings" in alone.stderr) == (0, True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "line 1 is no uplink: Input data was truncated"),
        ('\n{"fPort": 1, "hex": "0g"}', "line 2 is no uplink: '0g' is not hexadecimal"),
        (
            '{"fPort": 1, "hex": "00", "time": "9999-12-31T23:59:59-01:00"}',
            "line 1 is no uplink: date value out of range",
        ),
        ('{"fPort": 1}', "line 1 is no uplink: Object missing required field `hex`"),
    ],
)
def test_a_line_that_is_no_uplink_is_named(database: str, tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "uplinks.jsonl"
    file.write_text(content)
    result = invoke(database, "decode", "--all", file)
    assert result.returncode == 1
    assert why in result.stderr
    absent = invoke(database, "decode", "--all", tmp_path / "absent")
    assert "cannot be read: No such file or directory" in absent.stderr


FRAMES = gzip.compress(b'{"fPort": 1, "hex": "00"}\n', mtime=0)


@pytest.mark.parametrize("content", [FRAMES[:-9], FRAMES[:10] + b"\xff" + FRAMES[11:]], ids=["short", "wrong"])
def test_a_damaged_archive_is_a_sentence(database: str, tmp_path: Path, content: bytes) -> None:
    """One that ends too early, as after a broken download, and one with another byte."""
    file = tmp_path / "uplinks.jsonl.gz"
    file.write_bytes(content)
    result = invoke(database, "decode", "--all", file)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{file} is damaged and cannot be read to its end: ")
    replayed = invoke(database, "replay", "--device", ONE, "--archive", file)
    assert replayed.returncode == 1
    assert replayed.stderr.startswith(f"{file} cannot be read as an archive: ")


def test_filters_without_uplinks_are_refused(database: str) -> None:
    result = invoke(database, "decode", "bosch_tps110", "--port", "1", "01", "--since", "3d")
    assert (result.returncode, result.stderr) == (1, "--device, --since and --until are for --all.\n")
