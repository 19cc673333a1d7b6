"""The hot statements: SQL as text in `hot.sql`, each under a name with a sentence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from typing_extensions import override

from parking_gateway.store.query import Statement
from parking_gateway.store.rows import Arguments

_HEAD: Final = re.compile(r"^-- (\w+): (.+)\n", re.MULTILINE)
_PARAMETER: Final = re.compile(r":'(\w+)'")


class HotStatement(Statement):
    """A statement of `hot.sql`. It casts each of its parameters, which are sent as text."""

    def __init__(self, name: str, sentence: str, sql: str) -> None:
        self.name = name.encode()
        self.sentence = sentence
        """What it does."""
        self.parameters = tuple(dict.fromkeys(_PARAMETER.findall(sql)))
        """Their names, in the order of their numbers."""
        self.text = _PARAMETER.sub(lambda found: f"${self.parameters.index(found[1]) + 1}", sql)
        self.columns = ()

    @override
    def values(self, arguments: Arguments) -> list[str | None]:
        found = [arguments[name] for name in self.parameters]
        return [None if value is None else str(value) for value in found]


def _statements(text: str) -> Mapping[str, HotStatement]:
    _, *parts = _HEAD.split(text)
    heads = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {name: HotStatement(name, sentence, sql.strip().rstrip(";")) for name, sentence, sql in heads}


HOT: Final = _statements(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
"""All of them by name, in the order in which a batch and its publication execute them."""
