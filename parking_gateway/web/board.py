"""The board and the sign as pages, and their data: the picture of the car park, and the curve of a day."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from parking_gateway.web.answers import json_answer
from parking_gateway.web.desk import WebDesk

STATIC: Final = Path(__file__).parent / "static"


def routes(_desk: WebDesk) -> Sequence[BaseRoute]:
    """The pages, their files and their data."""

    async def picture(_: Request) -> Response:
        return json_answer(
            {
                "sites": [],
                "zones": [],
                "spaces": [],
                "devices": [],
                "transitions": [],
                "notices": [],
                "gateways": [],
                "cursor": "",
            }
        )

    return [
        Route("/", _page("index.html")),
        Route("/sign/{site}/{zone}", _page("sign.html")),
        Route("/board/picture", picture),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(STATIC / name)

    return page
