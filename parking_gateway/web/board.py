"""The board and the sign as pages, and their data: the picture of the car park, the curve of a day, and floor plans."""

import gzip
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from parking_gateway.store import curve, plans
from parking_gateway.web.answers import JSON, is_known, json_answer, not_modified, refusal
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.guard import POLICY
from parking_gateway.web.picture import Pictures

STATIC: Final = Path(__file__).parent / "static"
_PLAN_HEADERS: Final = {
    # A drawing may contain scripts and links to other hosts. As a page of its own it has no rights, and no origin.
    POLICY: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
}


def routes(desk: WebDesk) -> Sequence[BaseRoute]:
    """The pages, their files and their data."""
    pictures = Pictures(desk)

    async def picture(request: Request) -> Response:
        made = await pictures.newest()
        if is_known(request, made.etag):
            return not_modified(made.etag)
        headers = {"ETag": made.etag, "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(gzip.decompress(made.compressed), media_type=JSON, headers=headers)
        return Response(made.compressed, media_type=JSON, headers=headers | {"Content-Encoding": "gzip"})

    async def day(request: Request) -> Response:
        asked = request.query_params
        (points,) = await desk.read(curve.curve(site=asked.get("site", ""), zone=asked.get("zone") or None))
        return json_answer([point._asdict() for point in points])

    async def plan(request: Request) -> Response:
        (file,) = await desk.read(plans.content(**request.path_params))
        if file is None:
            return refusal(404, "not_found", "The zone has another plan by now, or none")
        return Response(file.content, media_type=file.media_type, headers=_PLAN_HEADERS)

    return [
        Route("/", _page("index.html")),
        Route("/sign/{site}/{zone}", _page("sign.html")),
        Route("/board/picture", picture),
        Route("/board/curve", day),
        Route("/board/plan/{site}/{zone}/{digest}", plan),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(STATIC / name)

    return page
