"""The application: the pages of all families, what happens to their errors, and the headers and compression of their answers."""

from collections.abc import Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from parking_gateway.store.patience import DatabaseUnusable
from parking_gateway.web import board, live, operators
from parking_gateway.web.answers import refusal
from parking_gateway.web.api import exchange
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.feed import Feed
from parking_gateway.web.guard import Guard

FAMILIES: Final[Sequence[Callable[[WebDesk], Sequence[BaseRoute]]]] = (board.routes, operators.routes, exchange.routes)
"""Every family of pages that are asked for and answered at once."""
_SMALLEST: Final = 500
"""Bytes of an answer below which compression does not pay."""


def application(desk: WebDesk, feed: Feed) -> Starlette:
    """The board and the API at this desk, and the changes of this feed."""
    return Starlette(
        routes=[*live.routes(desk, feed), *(route for family in FAMILIES for route in family(desk))],
        middleware=[Middleware(Guard), Middleware(GZipMiddleware, minimum_size=_SMALLEST)],
        exception_handlers={DatabaseUnusable: _without_database, HTTPException: _refused, Exception: _failed},
    )


async def _without_database(_: Request, error: Exception) -> Response:
    return refusal(503, "unavailable", f"The database cannot be read now: {error}")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    answered = refusal(error.status_code, "refused", error.detail)
    answered.headers.update(error.headers or {})
    return answered


async def _failed(_: Request, error: Exception) -> Response:
    """A mistake of ours. uvicorn writes it to the log."""
    return refusal(500, "failed", f"The gateway failed: {type(error).__name__}. Its log has more; please report it")
