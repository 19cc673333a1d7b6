"""Every command of `docs/how-to/onboarding.md` exists, and its output is that of the page."""

import re
import shlex
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_group
from typer.testing import CliRunner

from parking_gateway.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "onboarding.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^ *parking-gateway (.+)$", PAGE, re.MULTILINE)]


def options_of(words: list[str], group: TyperGroup) -> set[str]:
    """The options of the command with which the words begin."""
    command = group.commands[words[0]]
    if isinstance(command, TyperGroup):
        return options_of(words[1:], command)
    return {name for parameter in command.params for name in parameter.opts}


def test_every_command_of_the_page_exists() -> None:
    """With its options, down to the last name."""
    assert COMMANDS
    for words in COMMANDS:
        options = {word for word in words if word.startswith("--")}
        assert options <= options_of(words, get_group(app)), words


def test_the_frame_of_the_page_is_shown_as_the_page_shows_it() -> None:
    example = re.search(r"```sh\nparking-gateway (decode .*)\n```\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert example
    result = CliRunner().invoke(app, shlex.split(example[1]), catch_exceptions=False)
    assert [line.split() for line in result.stdout.splitlines()] == [line.split() for line in example[2].splitlines()]
