"""The commands that let a device be observed, and those that show it."""

import json
from pathlib import Path

import pytest

from tests.cli.test_register import ONE, TWO, Run, invoke, spaces

__all__ = ["spaces"]
PLACE = "central/level-1/A-2"


@pytest.fixture
def run(database: str) -> Run:
    """Run a command in this process."""
    return lambda *arguments, **settings: invoke(database, *arguments, **settings)


def test_a_person_observes_a_device_for_a_while(run: Run, spaces: Path) -> None:
    run("spaces", "import", spaces)
    assert run("devices", "assign", TWO, PLACE, "--codec", "bosch_tps110_v029", "--observe", "50").returncode == 0
    listed = {one["dev_eui"]: one["observe"] for one in json.loads(run("devices", "list", "--json").stdout)}
    assert listed == {ONE: None, TWO: 50}
    assert run("devices", "observe", ONE).stdout == (
        f"Observed until you end it: {ONE}. It does not change central/level-1/A-1.\n"
    )
    assert run("devices", "observe", TWO, "1").stdout == f"Observed for 1 uplink: {TWO}. It does not change {PLACE}.\n"
    assert run("devices", "observe", ONE, "off").stdout == (
        f"Not observed any more: {ONE}. Its next uplink decides central/level-1/A-1.\n"
    )
    assert json.loads(run("devices", "observe", TWO, "on", "--json").stdout) == {"spaces": [PLACE], "observe": True}
    exported = run("spaces", "export").stdout.splitlines()
    assert [line.split(",")[8] for line in exported] == ["observe", "", "yes"]
    again = run("devices", "assign", TWO, PLACE, "--observe", "no", "--json")
    assert json.loads(again.stdout)["installations"]["changed"] == 1


@pytest.mark.parametrize("arguments", [["observe", ONE, "soon"], ["assign", ONE, PLACE, "--observe", "-3"]])
def test_a_wrong_number_is_one_sentence(run: Run, arguments: list[str]) -> None:
    ran = run("devices", *arguments)
    assert (ran.returncode, ran.stderr.strip()) == (
        1,
        f"observe cannot be {arguments[-1]!r}, only a number of uplinks up to 999999, yes or no.",
    )
