"""Which uplinks are worth a word about their device."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from decoders import Reading
from parking_gateway.device import Heard, Known, is_worth_telling
from parking_gateway.space import Contact
from parking_gateway.uplink import DevEui, DeviceIdentity, Uplink

EVERY = timedelta(hours=1)
HEARD_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
IDENTITY = DeviceIdentity(
    dev_eui=DevEui("0004a30b00000001"), name="Bay 1", profile="TPS110", application="Parking", tags={"level": "1"}
)
KNOWN = Known(
    contact=Contact.LIVE,
    heard_at=HEARD_AT,
    name="Bay 1",
    profile="TPS110",
    application="Parking",
    tags={"level": "1"},
    codec="bosch_tps110",
    battery_percent=90,
    fault=None,
    tamper=None,
)


def heard(*, after: timedelta = timedelta(minutes=1), codec: str | None = "bosch_tps110", **said: Any) -> Heard:
    uplink = Uplink(
        deduplication_id=UUID(int=1),
        device=IDENTITY,
        time=HEARD_AT + after,
        received_at=HEARD_AT + after,
        f_cnt=1,
        f_port=1,
        data=b"\x01",
    )
    return Heard(uplink=uplink, codec=codec, reading=Reading(**said))


def test_a_device_that_only_goes_on_living_is_not_worth_a_word() -> None:
    assert not is_worth_telling(heard(), KNOWN, every=EVERY)


def test_what_an_uplink_does_not_say_is_no_change() -> None:
    known = msgspec.structs.replace(KNOWN, fault="stuck", tamper=True)

    assert not is_worth_telling(heard(codec=None), known, every=EVERY)


def test_a_battery_is_compared_as_it_is_kept() -> None:
    assert not is_worth_telling(heard(battery_percent=90.4), KNOWN, every=EVERY)
    assert is_worth_telling(heard(battery_percent=89.4), KNOWN, every=EVERY)


def test_a_device_that_nobody_knew_is() -> None:
    assert is_worth_telling(heard(), None, every=EVERY)


def test_a_device_of_which_nothing_was_told_for_long_is() -> None:
    assert not is_worth_telling(heard(after=EVERY - timedelta(microseconds=1)), KNOWN, every=EVERY)
    assert is_worth_telling(heard(after=EVERY), KNOWN, every=EVERY)


@pytest.mark.parametrize(
    "before",
    [
        {"heard_at": None},
        {"contact": Contact.NEVER},
        {"contact": Contact.LOST},
        {"name": "Bay 2"},
        {"profile": "TPS220"},
        {"application": "Garage"},
        {"tags": {}},
        {"codec": None},
    ],
)
def test_a_device_that_is_not_what_it_was_is(before: dict[str, Any]) -> None:
    assert is_worth_telling(heard(), msgspec.structs.replace(KNOWN, **before), every=EVERY)


@pytest.mark.parametrize("said", [{"fault": "stuck"}, {"tamper": True}, {"battery_percent": 10}])
def test_a_device_that_says_something_new_of_itself_is(said: dict[str, Any]) -> None:
    assert is_worth_telling(heard(**said), KNOWN, every=EVERY)
