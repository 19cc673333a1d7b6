"""Every command of the documentation is run, on a copy of this machine: the installation first, then the other pages."""

import re
from pathlib import Path

import pytest

from parking_gateway.cli.demo import brokers
from tests.pages import installing, machine
from tests.plugins.broker import NO_MOSQUITTO


def test_the_page_of_the_installation_leads_to_two_occupied_spaces_and_back() -> None:
    if not brokers.program_path("mosquitto"):
        pytest.skip(NO_MOSQUITTO)
    printed = machine.run(Path("/"), installing.on_this_machine())
    states = re.findall(r'"space":"(A-00\d)","state":"(\w+)"', printed)
    assert states == [("A-001", "OCCUPIED"), ("A-002", "OCCUPIED")]
    # At the end of the installation, and after the upgrade.
    assert re.findall(r"^(\d+) wrong", printed, re.MULTILINE) == ["0", "0"]
