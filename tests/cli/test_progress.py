"""The progress of long work: a moving line in a terminal, plain lines elsewhere, and no escape byte where none is understood."""

import os
import re

import pytest

from parking_gateway.cli import progress
from parking_gateway.cli.progress import progress as shown
from tests.cli.test_terminal import shown_in_a_terminal

ESCAPES = re.compile(r"\x1b")
COLOURS = re.compile(r"\x1b\[[\d;]*(3[0-7]|9[0-7])[\d;]*m")


def test_elsewhere_it_is_a_line_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown("Replaying", "uplink") as advance:
        advance(200)
        monkeypatch.setattr(progress, "_EVERY", 0.0)
        advance(3200)
        monkeypatch.setattr(progress, "_EVERY", 1000.0)
        advance(3400)
    assert capsys.readouterr() == ("", "Replaying: 3,200 uplinks\n")


def in_terminal(database: str, *command: str, **variables: str) -> str:
    environment = os.environ | {"PARKING_GATEWAY_DATABASE__URL": database, "COLUMNS": "80"} | variables
    return shown_in_a_terminal(command, environment)


def test_a_terminal_shows_it_and_keeps_nothing_of_it(database: str) -> None:
    written = in_terminal(database, "replay", "--device", "a84041000181c061", TERM="xterm")
    assert "Replaying" in written
    assert "\x1b[?25h" in written  # the cursor is back
    assert written.rstrip().endswith("Replayed: 0 stored uplinks, 0 unreadable, with 0 state changes.")


@pytest.mark.parametrize("command", ["replay --device a84041000181c061", "spaces list", "doctor --listen 0", "--help"])
def test_a_terminal_without_escapes_gets_none(database: str, command: str) -> None:
    assert not ESCAPES.search(in_terminal(database, *command.split(), TERM="dumb"))


@pytest.mark.parametrize("command", ["replay --device a84041000181c061", "doctor --listen 0"])
def test_who_wants_no_colour_gets_none(database: str, command: str) -> None:
    assert not COLOURS.search(in_terminal(database, *command.split(), TERM="xterm", NO_COLOR="1"))
