"""The command that fetches lost uplinks from ChirpStack."""

import json

import pytest
from typer.testing import CliRunner

from parking_gateway.cli import app
from parking_gateway.cli.demo.brokers import free_port
from tests.events import NOON, dev_eui_of, up
from tests.plugins.chirpstack_api import KEY, ChirpStackApi

FIRST, SECOND = dev_eui_of(1), dev_eui_of(2)


@pytest.fixture
def settings(database: str, chirpstack_api: ChirpStackApi) -> dict[str, str]:
    """The environment of a command that knows database and API."""
    for device in (FIRST, SECOND):
        for number in range(3):
            chirpstack_api.store(device, up(device, at=number, f_cnt=number))
    return {
        "PARKING_GATEWAY_DATABASE__URL": database,
        "PARKING_GATEWAY_CHIRPSTACK__API_URL": f"http://localhost:{chirpstack_api.port}",
        "PARKING_GATEWAY_CHIRPSTACK__API_KEY": KEY,
    }


def test_the_uplinks_of_one_device_come_back(settings: dict[str, str], chirpstack_api: ChirpStackApi) -> None:
    done = CliRunner().invoke(app, ["heal", "--device", FIRST.upper()], env=settings)
    assert (done.exit_code, done.stdout) == (
        0,
        "Healed 3 uplinks of 1 device; 0 more were recorded already. Other events: 0.\n",
    )
    assert chirpstack_api.asked == [FIRST]


def test_without_a_device_all_that_chirpstack_has_heard_are_healed(
    settings: dict[str, str], chirpstack_api: ChirpStackApi
) -> None:
    since = f"{NOON:%Y-%m-%dT%H:%M}"
    for device in (FIRST, SECOND):
        assert CliRunner().invoke(app, ["heal", "--device", device, "--since", since], env=settings).exit_code == 0
    chirpstack_api.store(SECOND, up(SECOND, at=4, f_cnt=4))
    done = CliRunner().invoke(app, ["heal", "--json"], env=settings)
    assert json.loads(done.stdout) == {"devices": 2, "uplinks": 1, "repeated": 6, "others": 0, "failed": {}}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "bay 12"], "'bay 12' is no DevEUI: write 16 hexadecimal digits."),
        (["--since", "yesterday"], "'yesterday' is no time: write it as "),
    ],
)
def test_what_is_mistyped_is_explained(settings: dict[str, str], arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, ["heal", *arguments], env=settings)
    assert done.exit_code == 1
    assert done.stderr.startswith(sentence)


def test_a_chirpstack_that_does_not_answer_is_named_and_no_key_is_shown(settings: dict[str, str]) -> None:
    settings["PARKING_GATEWAY_CHIRPSTACK__API_URL"] = f"http://localhost:{free_port()}"
    done = CliRunner().invoke(app, ["heal", "--device", FIRST], env=settings)
    assert done.exit_code == 1
    assert "cannot be reached" in done.stderr
    assert KEY not in done.output


def test_without_the_api_the_command_names_the_keys(database: str) -> None:
    done = CliRunner().invoke(app, ["heal"], env={"PARKING_GATEWAY_DATABASE__URL": database})
    assert done.exit_code == 1
    assert "set chirpstack.api_url and chirpstack.api_key" in done.stderr
