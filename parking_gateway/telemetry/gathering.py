"""Lines of log that repeat themselves, gathered: the same sentence once a second, with how many were left out."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

SECONDS: Final = 1.0
"""Between two lines with the same sentence."""
_MOST_SENTENCES: Final = 100
"""That are remembered at once. Ours are some dozens; what a library says beyond that is not gathered."""


class Line(msgspec.Struct, kw_only=True):
    """A line before it is written: a constant sentence with fields."""

    time: datetime
    level: str
    sentence: str
    fields: dict[str, object]
    exception: str | None = None
    left_out: int = 0
    """Lines with this sentence that are not shown, because this one stands for them."""


class _Sentence(msgspec.Struct, kw_only=True):
    """What is remembered of one sentence. Times in seconds of a monotonic clock."""

    at: float
    """When it was shown last."""
    withheld: Line | None = None
    """The last line that came within the second."""
    count: int = 0
    """Lines that were not shown since, the withheld one included."""


class Gathering:
    """Which lines are shown now. What is withheld comes out of `due` when its second is over: a count is never lost."""

    def __init__(self) -> None:
        self._sentences: dict[tuple[str, str], _Sentence] = {}

    def admit(self, line: Line, *, now: float) -> Line | None:
        """The line with the count of those that it stands for; None where it is withheld."""
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
        """Lines that were withheld for long enough. Sentences that were not said again are forgotten."""
        for key, sentence in list(self._sentences.items()):
            if now - sentence.at >= SECONDS:
                if sentence.withheld is None:
                    del self._sentences[key]
                else:
                    yield _released(sentence, sentence.withheld, now)

    def rest(self) -> Iterator[Line]:
        """All that is withheld: no more will follow."""
        for sentence in self._sentences.values():
            if sentence.withheld is not None:
                yield _released(sentence, sentence.withheld, sentence.at)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered, so that `due` has nothing to do."""
        return not self._sentences


def _released(sentence: _Sentence, line: Line, now: float) -> Line:
    line.left_out = sentence.count - 1
    sentence.at, sentence.withheld, sentence.count = now, None, 0
    return line
