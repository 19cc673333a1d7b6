"""An endpoint as a value: its address, its parameters as a struct, what it answers, and how. The OpenAPI document is made from the same values."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from parking_gateway.contract.overview import Page
from parking_gateway.web.answers import JSON
from parking_gateway.web.api.problem import wrong
from parking_gateway.web.desk import WebDesk

Row = TypeVar("Row")

PREFIX: Final = "/api/v1"
LARGEST_PAGE: Final = 1000
Name = Annotated[str, msgspec.Meta(pattern="^[^+#/]+$", max_length=200)]
DevEui = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{16}$", description="16 hexadecimal digits.")]
Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$",
        examples=["2026-11-27T08:00:00Z"],
    ),
]
"""RFC 3339. In an address, + is written as %2B."""
Limit = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_PAGE, description="How many are on a page at most.")]
After = Annotated[
    str, msgspec.Meta(max_length=700, description="Where the page begins. Take the address of `next`, which has it.")
]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of an endpoint: those in its path, and those behind it."""


class PageAsked(Asked, frozen=True, kw_only=True):
    """The parameters of a list."""

    limit: Limit = 100
    after: After | None = None


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is complete, so that it has an ETag."""

    content: bytes
    next: str | None = None
    """The address of the next page, for the header Link."""


Pieces = AsyncIterator[bytes]
"""An answer that is sent as it is read, because it may be long."""
Work = Callable[[WebDesk, Any], Awaitable[Whole | Pieces]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What one address answers."""

    path: str
    """Below /api/v1, with the names of its parameters in braces."""
    name: str
    """For programs that are made from the OpenAPI document."""
    summary: str
    details: str = ""
    asked: type[Asked]
    answers: Any = None
    """The type of the answer. None: it is not JSON."""
    content: str = JSON
    work: Work
    is_streamed: bool = False
    """Whether the answer is sent as it is read; it has no ETag then."""
    statuses: Sequence[int] = ()
    """More statuses that it may have."""


encode: Final = msgspec.json.Encoder().encode


def cut(
    rows: Sequence[Row], asked: PageAsked, *, path: str, place: Callable[[Row], str]
) -> tuple[Sequence[Row], str | None]:
    """The rows of a page, and the address of the next one. Of `rows`, one more was read than a page has.

    The page begins behind the `place` of the last row of the page before it.
    """
    shown = rows[: asked.limit]
    if len(rows) <= asked.limit:
        return shown, None
    given = msgspec.to_builtins(msgspec.structs.replace(asked, after=place(shown[-1])))
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    query = urlencode({name: value for name, value in words.items() if value is not None}, safe="/:")
    return shown, f"{PREFIX}{path}?{query}"


def paged(
    rows: Sequence[Row],
    asked: PageAsked,
    *,
    path: str,
    place: Callable[[Row], str],
    item: Callable[[Row], msgspec.Struct],
) -> Whole:
    """A page with its items."""
    shown, following = cut(rows, asked, path=path, place=place)
    return Whole(content=encode(Page(items=[item(row) for row in shown], next=following)), next=following)


def names_in(after: str | None, *, levels: int) -> Sequence[str]:
    """The names in the place of a page. Raises a problem if they are not as many as they have to be."""
    if after is None:
        return ()
    names = after.split("/")
    if len(names) != levels:
        raise wrong(f"after={after} is no place in this list: take the address of `next`.")
    return names


def moment(text: str | None, *, name: str) -> datetime | None:
    """A time from a parameter. Days before and after it are in the calendar too."""
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None or not MINYEAR < given.year < MAXYEAR:
        raise wrong(f"{name}={text} is no time: write it as 2026-11-27T08:00:00Z.")
    return given.astimezone(UTC)
