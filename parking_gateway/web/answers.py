"""Answers of pages: JSON by msgspec, with an ETag where the same answer may be asked for again."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

JSON: Final = "application/json"
_encode: Final = msgspec.json.Encoder().encode


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as JSON."""
    return Response(_encode(value), status_code=status, media_type=JSON, headers=headers)


def refusal(status: int, code: str, message: str) -> Response:
    """An error with its code and a sentence, in the form of the replies to requests."""
    return json_answer({"status": "error", "error": {"code": code, "message": message}}, status=status)


def etag_of(content: bytes) -> str:
    """The ETag of this content."""
    return f'"{blake2b(content, digest_size=12).hexdigest()}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the browser has this version already. Compared weakly, because a proxy may have compressed it."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in known.split(",")]


def not_modified(etag: str) -> Response:
    """The browser has this version already."""
    return Response(status_code=304, headers={"ETag": etag})
