"""Which keys change without a restart."""

import re
from pathlib import Path

import pytest

from parking_gateway.process.config import KEYS, Config
from parking_gateway.process.config.reloading import RELOADED, reloaded


@pytest.mark.parametrize("name", sorted(RELOADED))
def test_each_declared_name_is_a_section_or_a_key(name: str) -> None:
    assert name in {section for section, _ in KEYS} | {".".join(key) for key in KEYS}


def test_keys_that_need_a_restart_keep_their_values() -> None:
    before = Config(mqtt={"keepalive": 5}, telemetry={"stalled_after": 100, "log_level": "INFO"})
    wanted = Config(
        mqtt={"keepalive": 6},
        telemetry={"stalled_after": 101, "log_level": "DEBUG"},
        limits={"new_devices_per_hour": 7},
    )
    again = reloaded(before, wanted)
    assert again.changed == ["limits.new_devices_per_hour", "telemetry.log_level"]
    assert again.needing_restart == ["mqtt.keepalive", "telemetry.stalled_after"]
    assert (again.config.mqtt, again.config.telemetry.stalled_after) == (before.mqtt, before.telemetry.stalled_after)
    assert (again.config.limits, again.config.telemetry.log_level) == (wanted.limits, "DEBUG")


def test_a_changed_secret_is_noticed() -> None:
    before, wanted = Config(mqtt={"username": "gw", "password": "a"}), Config(mqtt={"username": "gw", "password": "b"})
    assert reloaded(before, wanted).needing_restart == ["mqtt.password"]


def test_without_a_change_everything_stays() -> None:
    again = reloaded(Config(), Config())
    assert (again.changed, again.needing_restart, again.config) == ([], [], Config())


def test_the_operators_guide_names_the_same_keys() -> None:
    guide = Path(__file__).parents[2].joinpath("systemd", "README.md").read_text()
    listed = guide.partition("<!-- reloaded keys -->")[2].partition("<!-- end -->")[0]
    assert {name.removesuffix(".*") for name in re.findall(r"`([^`]+)`", listed)} == RELOADED
