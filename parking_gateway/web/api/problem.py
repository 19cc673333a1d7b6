"""Why a request is not answered, as a document of RFC 9457."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from parking_gateway.contract.overview import PROBLEM_TYPE, ProblemDetails


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that is not answered, with a sentence for its sender."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def answer(problem: Problem) -> Response:
    """The problem for its sender."""
    details = ProblemDetails(title=problem.status.phrase, status=problem.status, detail=problem.detail)
    return Response(
        msgspec.json.encode(details), status_code=problem.status, media_type=PROBLEM_TYPE, headers=problem.headers
    )


def wrong(detail: str) -> Problem:
    """The sender has made a mistake."""
    return Problem(HTTPStatus.BAD_REQUEST, detail)


def nothing(what: str) -> Problem:
    """There is nothing with the names of the address."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no {what}. Its list has all that there are.")
