"""The place in the changes up to which a watcher knows them, as text. A browser repeats it when it connects again."""

import re
from typing import Final

import msgspec

from parking_gateway.store.changes import Moment

_TEXT: Final = re.compile(r"(\d{1,19})\.(\d{1,18})\.(\d{1,18})\.([0-9a-f]{32})")


class Cursor(msgspec.Struct, frozen=True):
    """The place."""

    position: int
    last_step: int
    last_notice: int
    form: str

    def __str__(self) -> str:
        """As a watcher gets it."""
        return f"{self.position}.{self.last_step}.{self.last_notice}.{self.form}"

    def is_followed_by(self, now: Moment) -> bool:
        """Whether the changes since then lead to the present. If not, the database went back, or the car park has another form."""
        return (
            self.position <= now.next
            and self.last_step <= now.last_step
            and self.last_notice <= now.last_notice
            and self.form == now.form
        )


def cursor_at(now: Moment) -> Cursor:
    """The place of a watcher that knows everything."""
    return Cursor(now.position, now.last_step, now.last_notice, now.form)


def cursor_of(text: str) -> Cursor | None:
    """The place in a text. None: it is none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    position, last_step, last_notice, form = found.groups()
    return Cursor(int(position), int(last_step), int(last_notice), form)
