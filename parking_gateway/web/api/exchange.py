"""From a request to its answer: token, parameters, work, ETag, compression, and problems as documents."""

import asyncio
import gzip
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from parking_gateway.process import shipped
from parking_gateway.store.patience import DatabaseUnusable, Refused
from parking_gateway.web.answers import JSON, etag_of, is_known
from parking_gateway.web.api import devices, places, problem, stays, tokens
from parking_gateway.web.api.endpoint import PREFIX, Asked, Endpoint, Pieces, Whole
from parking_gateway.web.api.problem import Problem, wrong
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.exports import cds, datex2, ngsi_ld, parkapi

ENDPOINTS: Final[Sequence[Endpoint]] = (
    *places.ENDPOINTS,
    *devices.ENDPOINTS,
    *stays.ENDPOINTS,
    *ngsi_ld.ENDPOINTS,
    *datex2.ENDPOINTS,
    *parkapi.ENDPOINTS,
    *cds.ENDPOINTS,
)
_WORTH_PACKING: Final = 1000
"""Bytes of an answer from which on it is compressed."""
_LEVEL: Final = 5
"""Of compression. 9 takes three times as long for 3 % less."""
_PLACE: Final = " - at `$."
"""Before the name of a parameter in an error of msgspec."""
_RETRY_SECONDS: Final = "5"
_CORS_SECONDS: Final = 600
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def routes(desk: WebDesk) -> Sequence[BaseRoute]:
    """The API as an application of its own, so that each of its errors is a problem document."""
    found = [Route(one.path, _handler(desk, one), methods=["GET"]) for one in ENDPOINTS]
    found.append(Route("/openapi.json", _description, methods=["GET"]))
    origins = desk.config.web.cors_origins
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "HEAD"],
        allow_headers=["Authorization", "If-None-Match"],
        expose_headers=["ETag", "Link"],
        max_age=_CORS_SECONDS,
    )
    application = Starlette(
        routes=found,
        middleware=[cors] if origins else [],
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http,
            DatabaseUnusable: _on_database,
            Refused: _on_refused,
            Exception: _on_bug,
        },
    )
    return [Mount(PREFIX, application)]


def _handler(desk: WebDesk, endpoint: Endpoint) -> _Handler:
    async def handle(request: Request) -> Response:
        tokens.require(request.headers.get("authorization"), desk.config.web.tokens)
        found = await endpoint.work(desk, _asked(request, endpoint.asked))
        if isinstance(found, Whole):
            return await _whole(request, found, endpoint.content)
        # The first piece is read before the status is sent, because the database may be away.
        first = await anext(found)
        if request.method == "HEAD":
            return Response(media_type=endpoint.content)
        return StreamingResponse(_from(first, found), media_type=endpoint.content)

    return handle


async def _from(first: bytes, rest: Pieces) -> Pieces:
    yield first
    async for piece in rest:
        yield piece


async def _description(request: Request) -> Response:
    """The OpenAPI document, which is made from the endpoints when the program is built."""
    content = await asyncio.to_thread((shipped.SCHEMAS.path / "openapi.json").read_bytes)
    return await _whole(request, Whole(content=content), JSON)


def _asked(request: Request, kind: type[Asked]) -> Asked:
    """The parameters. Raises a problem if they are not those of the endpoint."""
    given: dict[str, str] = dict(request.path_params)
    for name, value in request.query_params.multi_items():
        if name in given:
            raise wrong(f"{name} is given twice: give it once.")
        given[name] = value
    for name, value in given.items():
        if not value.isprintable():
            raise wrong(f"{name} has a character that cannot be printed: leave it out.")
    if unknown := sorted(given.keys() - set(kind.__struct_fields__)):
        known = ", ".join(sorted(kind.__struct_fields__))
        raise wrong(f"There is no parameter {unknown[0]}. There are: {known}.")
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in given:
            raise wrong(f"The parameter {field.name} is missing. See {PREFIX}/openapi.json.")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        why, _, name = str(error).removesuffix("`").partition(_PLACE)
        raise wrong(f"{name}={given.get(name)} is not valid: {why}. See {PREFIX}/openapi.json.") from None


async def _whole(request: Request, found: Whole, content_type: str) -> Response:
    tag = etag_of(found.content)
    # Weak, because the compressed answer has the same one.
    headers = {"ETag": f"W/{tag}"}
    if found.next is not None:
        headers["Link"] = f'<{found.next}>; rel="next"'
    if is_known(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = found.content
    if len(content) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        # In a thread, because uplinks wait for the loop.
        content = await asyncio.to_thread(gzip.compress, content, _LEVEL, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, headers=headers, media_type=content_type)


async def _on_problem(_: Request, error: Any) -> Response:
    return problem.answer(error)


async def _on_http(request: Request, error: Any) -> Response:
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: f"There is no address {request.url.path}. {PREFIX}/openapi.json lists all.",
        HTTPStatus.METHOD_NOT_ALLOWED: "The API only reads: send GET or HEAD. Requests over MQTT change spaces.",
    }
    return problem.answer(Problem(status, details.get(status, error.detail), headers=error.headers))


async def _on_database(_: Request, error: Exception) -> Response:
    detail = f"The database cannot be read now: {error}"
    headers = {"Retry-After": _RETRY_SECONDS}
    return problem.answer(Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers))


async def _on_refused(_: Request, error: Exception) -> Response:
    return problem.answer(wrong(f"The database refuses a parameter: {error}"))


async def _on_bug(_: Request, __: Exception) -> Response:
    detail = "The gateway has failed. Its log has the reason."
    return problem.answer(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail))
