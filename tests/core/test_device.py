"""Which uplinks are worth a word about their device."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from decoders import Reading
from parking_gateway.core.device import CodecIdentity, DeviceReading, Snapshot, kept
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink

EVERY = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HEARD_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
IDENTITY = DeviceIdentity(
    dev_eui=DevEui("0004a30b00000001"), name="Bay 1", profile="TPS110", application="Parking", tags={"level": "1"}
)
SNAPSHOT = Snapshot(
    heard_at=HEARD_AT,
    name="Bay 1",
    profile="TPS110",
    application="Parking",
    tags={"level": "1"},
    codec="bosch_tps110",
    battery_percent=90,
    fault=None,
    tamper=None,
    dev_addr="01a2d830",
    f_cnt=1,
)


def reading(*, after: timedelta = MINUTE, codec: str | None = "bosch_tps110", **fields: Any) -> DeviceReading:
    uplink = Uplink(
        deduplication_id=UUID(int=1),
        device=IDENTITY,
        time=HEARD_AT + after,
        heard_at=HEARD_AT + after,
        received_at=HEARD_AT + after,
        f_cnt=1,
        dev_addr="01a2d830",
        f_port=1,
        data=b"\x01",
    )
    return DeviceReading(uplink=uplink, codec=codec, reading=Reading(**fields))


def after(*readings: DeviceReading, snapshot: Snapshot | None = SNAPSHOT) -> Snapshot | None:
    """What is told of the device, and by which of its uplinks; None where none of them is worth a word."""
    before = {} if snapshot is None else {IDENTITY.dev_eui: snapshot}
    worth, now = kept(readings, before, every=EVERY)
    assert (worth == []) == (now == {})
    assert all(one in readings for one in worth)
    assert not now or worth[-1].uplink.heard_at == now[IDENTITY.dev_eui].heard_at
    return now.get(IDENTITY.dev_eui)


def test_a_device_that_only_goes_on_living_is_not_worth_a_word() -> None:
    assert after(reading()) is None


def test_a_field_that_an_uplink_lacks_is_no_change_and_stays_published() -> None:
    snapshot = msgspec.structs.replace(SNAPSHOT, fault="stuck", tamper=True)

    assert after(reading(codec=None), snapshot=snapshot) is None
    assert after(reading(codec=None, fault="drift"), snapshot=snapshot) == msgspec.structs.replace(
        snapshot, heard_at=HEARD_AT + MINUTE, fault="drift"
    )


def test_a_battery_is_compared_as_it_is_kept() -> None:
    assert after(reading(battery_percent=90.4)) is None
    assert after(reading(battery_percent=89.4)) == msgspec.structs.replace(
        SNAPSHOT, heard_at=HEARD_AT + MINUTE, battery_percent=89
    )


def test_a_device_that_nobody_knew_is() -> None:
    assert after(reading(), snapshot=None) == msgspec.structs.replace(
        SNAPSHOT, heard_at=HEARD_AT + MINUTE, battery_percent=None
    )


def test_a_device_that_was_not_published_for_the_interval_is_published() -> None:
    assert after(reading(after=EVERY - timedelta(microseconds=1))) is None
    assert after(reading(after=EVERY)) == msgspec.structs.replace(SNAPSHOT, heard_at=HEARD_AT + EVERY)


@pytest.mark.parametrize(
    "before", [{"name": "Bay 2"}, {"profile": "TPS220"}, {"application": "Garage"}, {"tags": {}}, {"codec": None}]
)
def test_a_device_that_is_not_what_it_was_is(before: dict[str, Any]) -> None:
    assert after(reading(), snapshot=msgspec.structs.replace(SNAPSHOT, **before)) == msgspec.structs.replace(
        SNAPSHOT, heard_at=HEARD_AT + MINUTE
    )


@pytest.mark.parametrize("fields", [{"fault": "stuck"}, {"tamper": True}, {"battery_percent": 10}])
def test_a_device_with_a_new_fault_tamper_or_battery_is_kept(fields: dict[str, Any]) -> None:
    assert after(reading(**fields)) == msgspec.structs.replace(SNAPSHOT, heard_at=HEARD_AT + MINUTE, **fields)


def test_what_came_late_is_not() -> None:
    assert after(reading(after=-MINUTE, tamper=True)) is None


def test_later_uplinks_of_a_batch_are_in_the_snapshot_of_a_changed_device() -> None:
    snapshot = after(reading(tamper=True), reading(after=MINUTE * 3), reading(after=MINUTE * 2, battery_percent=1))

    assert snapshot == msgspec.structs.replace(SNAPSHOT, heard_at=HEARD_AT + 3 * MINUTE, tamper=True)


def test_the_code_that_read_a_frame_is_named_with_its_version() -> None:
    assert str(CodecIdentity("bosch_tps110", "0f3a5b1c2d4e")) == "bosch_tps110@0f3a5b1c2d4e"
