"""The blocks of commands of a page, in their order."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_FENCE: Final = re.compile(r"^( *)```(\w*)$")
_LANGUAGES: Final = ("sh", "console")


class Block(NamedTuple):
    """Commands between fences."""

    page: str
    line: int
    commands: str

    @property
    def first_line(self) -> str:
        """By which a list of exceptions names it."""
        return self.commands.partition("\n")[0]

    def then(self, commands: str) -> "Block":
        """The same, with more commands after it."""
        return self._replace(commands=f"{self.commands}\n{commands}")


def of_page(checkout: Path, page: str) -> Iterator[Block]:
    """The blocks of a page, by its path in the checkout."""
    begin, indent, is_commands, lines = 0, "", False, list[str]()
    for number, line in enumerate((checkout / page).read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if not fence:
            lines.append(line.removeprefix(indent))
        elif begin:
            if is_commands:
                yield Block(page, begin, "\n".join(lines))
            begin = 0
        else:
            begin, indent, is_commands, lines = number, fence[1], fence[2] in _LANGUAGES, []
