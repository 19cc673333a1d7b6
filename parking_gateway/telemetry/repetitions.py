"""Repeated lines of log: the same sentence is shown once a second, with the number of lines that were left out."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

SECONDS: Final = 1.0
"""Between two lines with the same sentence."""
_MOST_SENTENCES: Final = 100
"""Sentences that are remembered at once. The gateway has some dozens; repeated lines of a library beyond that are all shown."""


class Line(msgspec.Struct, kw_only=True):
    """A line before it is written: a constant sentence with fields."""

    time: datetime
    level: str
    sentence: str
    fields: dict[str, object]
    exception: str | None = None
    left_out: int = 0
    """Lines with this sentence that this line stands for and that are not shown."""


class _Sentence(msgspec.Struct, kw_only=True):
    """One sentence that was shown. Times are seconds of a monotonic clock."""

    at: float
    """When it was last shown."""
    withheld: Line | None = None
    """The last line within the second."""
    count: int = 0
    """Lines that were not shown since then, with the withheld one."""


class Repetitions:
    """Decides which lines are shown. `due` gives a withheld line when its second is over, so that no count is lost."""

    def __init__(self) -> None:
        self._sentences: dict[tuple[str, str], _Sentence] = {}

    def admit(self, line: Line, *, now: float) -> Line | None:
        """The line, with the number of lines that it stands for; None where it is withheld."""
        key = line.level, line.sentence
        sentence = self._sentences.get(key)
        if sentence is None:
            if len(self._sentences) < _MOST_SENTENCES:
                self._sentences[key] = _Sentence(at=now)
            return line
        sentence.count += 1 + line.left_out
        if now - sentence.at >= SECONDS:
            return _released(sentence, line, now)
        sentence.withheld = line
        return None

    def due(self, *, now: float) -> Iterator[Line]:
        """Withheld lines whose second is over. A sentence without a withheld line is forgotten."""
        for key, sentence in list(self._sentences.items()):
            if now - sentence.at >= SECONDS:
                if sentence.withheld is None:
                    del self._sentences[key]
                else:
                    yield _released(sentence, sentence.withheld, now)

    def rest(self) -> Iterator[Line]:
        """All withheld lines, at the end of the process."""
        for sentence in self._sentences.values():
            if sentence.withheld is not None:
                yield _released(sentence, sentence.withheld, sentence.at)

    @property
    def is_empty(self) -> bool:
        """Whether no sentence is remembered, so that `due` has nothing to do."""
        return not self._sentences


def _released(sentence: _Sentence, line: Line, now: float) -> Line:
    line.left_out = sentence.count - 1
    sentence.at, sentence.withheld, sentence.count = now, None, 0
    return line
