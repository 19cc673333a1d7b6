"""Lines of the log about what is away or wrong: one when it begins, and one when it ends, with the seconds that it took.

Tasks report every attempt. Only this module decides which of them becomes a line, so one absence is one line, however many
tasks notice it. All other attempts are lines of the level DEBUG.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.store.verdicts import Diagnosis, Verdict

_DOES_NOT_ANSWER: Final = "The database does not answer; trying again"
_CANNOT_BE_USED: Final = "The database cannot be used as it is; trying again"
_MOST_KINDS: Final = 10
"""Lines of one absence. The text of an error may come from outside."""


class _Absence(msgspec.Struct, kw_only=True):
    """One that lasts."""

    since: float
    kinds: set[str]
    """The kinds of reasons that were logged."""


class Absences:
    """Those of one gateway, by subject, such as the broker."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` never goes back."""
        self._seconds = seconds
        self._lasting: dict[str, _Absence] = {}

    def noticed(self, subject: str, sentence: str, *, kind: str = "", level: str = "WARNING", **fields: object) -> None:
        """Log that it is absent, once. A reason of another `kind`, which needs another act of a person, is logged too."""
        absence = self._lasting.get(subject)
        if absence is None:
            absence = self._lasting[subject] = _Absence(since=self._seconds(), kinds=set())
        elif not kind or kind in absence.kinds or len(absence.kinds) >= _MOST_KINDS:
            level = "DEBUG"
        absence.kinds.add(kind)
        logger.bind(**fields).log(level, sentence)

    def database(self, purpose: str, failure: Diagnosis) -> None:
        """Log the absence of the database. `failure`: of an attempt at this purpose."""
        is_away = failure.verdict is Verdict.AWAY
        more = {"sqlstate": failure.state, "about": failure.about, "todo": failure.todo}
        self.noticed(
            "database",
            _DOES_NOT_ANSWER if is_away else _CANNOT_BE_USED,
            # Beginning and end of an outage have different errors, and the task of a person is the same: none.
            kind=failure.todo or ("" if is_away else failure.message),
            level="WARNING" if is_away else "ERROR",
            purpose=purpose,
            error=failure.message,
            **{name: words for name, words in more.items() if words},
        )

    def ended(self, subject: str, sentence: str, *, is_first: bool = False, **fields: object) -> None:
        """Log the end with the `seconds` that it took. Without an absence, nothing, or `is_first`: the same line without."""
        absence = self._lasting.pop(subject, None)
        if absence is not None:
            fields["seconds"] = round(self._seconds() - absence.since, 1)
        if absence is not None or is_first:
            logger.bind(**fields).info(sentence)
