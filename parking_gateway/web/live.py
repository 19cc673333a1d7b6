"""The page of live changes: server-sent events."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from parking_gateway.web.answers import refusal
from parking_gateway.web.cursor import cursor_of
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.feed import Feed

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep the events back
}


def routes(desk: WebDesk, feed: Feed) -> Sequence[BaseRoute]:
    """The stream of changes."""

    async def live(request: Request) -> Response:
        if not feed.has_room:
            most = desk.config.web.watchers
            return refusal(503, "too_many", f"{most} browsers watch already: close one, or raise web.watchers")
        # After a lost connection, a browser knows more than the address that it opens again.
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        return StreamingResponse(feed.stream(cursor_of(since)), media_type="text/event-stream", headers=_HEADERS)

    return [Route("/board/live", live)]
