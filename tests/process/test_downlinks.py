"""The section [downlinks], and the topic of downlinks."""

from typing import Any

import pytest
from pydantic import ValidationError

from parking_gateway.core.space import SpaceState
from parking_gateway.process.config import Config
from parking_gateway.process.config.downlinks import DownlinksConfig

SIGN = {"f_port": 10, "free": "01 {free:u16}", "occupied": "00"}


@pytest.mark.parametrize(
    ("events", "downlinks"),
    [
        ("application/+/device/+/event/+", "application/{application}/device/{device}/command/down"),
        ("eu868/application/+/device/+/event/+", "eu868/application/{application}/device/{device}/command/down"),
        ("+/application/+/device/+/event/+", None),
        ("application/a/device/+/event/+", None),
    ],
)
def test_the_topic_of_downlinks_is_beside_that_of_events(events: str, downlinks: str | None) -> None:
    assert Config(chirpstack={"topic": events}).command_topic == downlinks


def test_the_topic_of_downlinks_can_be_set() -> None:
    topic = "x/{application}/{device}/down"
    assert Config(downlinks={"topic": topic}).command_topic == topic


def test_a_model_has_the_pictures_that_are_set() -> None:
    model = DownlinksConfig(models={"sign": SIGN | {"reserved": "02"}}).all_models["sign"]
    assert model.pictures == {SpaceState.FREE: "01 {free:u16}", SpaceState.OCCUPIED: "00", SpaceState.RESERVED: "02"}
    assert "busylight" in DownlinksConfig().all_models


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"topic": "application/+/device/{device}"}, "must have {application} and {device} once each"),
        ({"models": {"sign": SIGN | {"free": "0"}}}, "must be hexadecimal digits in pairs"),
        ({"models": {"sign": SIGN | {"f_port": 224}}}, "less than or equal to 223"),
        ({"retry_wait_min": 9, "retry_wait_max": 8}, "must not be shorter than downlinks.retry_wait_min"),
        ({"attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_refused(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        DownlinksConfig(**section)
