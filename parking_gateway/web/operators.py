"""The pages by which an operator logs in and out, and asks for something. All are for the board's own scripts."""

import asyncio
import hmac
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from parking_gateway.core.printable import printable, shortened
from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.requests.rates import Rates
from parking_gateway.requests.request import Transaction, parameters_of, response, transaction_in, without_envelope
from parking_gateway.web.answers import JSON, json_answer, refusal
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.orders import carry_out
from parking_gateway.web.passwords import is_password
from parking_gateway.web.sessions import Session, Sessions

_COOKIE: Final = "parking_operator"
_PATH: Final = "/board"
_BODY_SECONDS: Final = 10.0
_LONGEST_LOGIN: Final = 4096
_LOGINS_PER_MINUTE: Final = 10
"""From one address."""
_LOGINS_OF_ALL: Final = 60
_LONGEST_NAME: Final = 100
_NOBODYS: Final = f"scrypt$16384$8$5${'00' * 16}${'00' * 32}"
"""The hash for names that there are not."""
_TOO_LARGE: Final = Refusal(Code.TOO_LARGE, "The body of the request is longer than requests.max_payload_bytes")
_STATUS: Final = {
    Code.MALFORMED: 400,
    Code.INVALID: 400,
    Code.UNKNOWN_VERB: 404,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.TOO_LARGE: 413,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
    Code.FAILED: 500,
}


class Login(msgspec.Struct, frozen=True):
    """What a person types."""

    name: str
    password: str


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at the board."""

    operator: str | None
    csrf: str
    can_log_in: bool
    """Whether there are operators."""


def routes(desk: WebDesk) -> Sequence[BaseRoute]:
    """Who is there, log in, log out, and the requests of operators."""
    pages = _Pages(desk)
    return [
        Route("/board/me", pages.me),
        Route("/board/login", pages.login, methods=["POST"]),
        Route("/board/logout", pages.logout, methods=["POST"]),
        Route("/board/request/{verb:path}", pages.order, methods=["POST"]),
    ]


class _Pages:
    """They share the sessions, and how often somebody may ask."""

    def __init__(self, desk: WebDesk) -> None:
        self._limits = limits = desk.config.requests
        self._desk = desk
        self._sessions = Sessions(last=desk.config.web.session, seconds=asyncio.get_running_loop().time)
        self._door = _Door(desk)
        self._orders = Rates(per_minute=limits.per_minute, of_all=limits.per_minute_of_all)

    async def me(self, request: Request) -> Response:
        """Who looks at the board."""
        session = self._session_of(request)
        name, csrf = (None, "") if session is None else (session.operator, session.csrf)
        found = Me(operator=name, csrf=csrf, can_log_in=bool(self._desk.config.web.operators))
        return json_answer(found, headers={"Cache-Control": "no-store"})

    async def login(self, request: Request) -> Response:
        """Begin a session."""
        if foreign := _foreign(request):
            return foreign
        try:
            asked = msgspec.json.decode(await _body(request, most=_LONGEST_LOGIN) or b"", type=Login)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return refusal(400, Code.MALFORMED, "A login is a JSON object with name and password")
        address = request.client.host if request.client else ""
        if not self._door.attempts.allow(address, self._desk.clock()):
            return refusal(429, Code.RATE_LIMITED, "Too many attempts to log in: wait a minute")
        if not await self._door.lets_in(asked):
            logger.bind(operator=shortened(printable(asked.name), _LONGEST_NAME), address=address).warning(
                "A login to the board was refused"
            )
            return refusal(401, "wrong", "Name or password is wrong")
        cookie, session = self._sessions.begin(asked.name, self._door.hashes[asked.name])
        logger.bind(operator=session.operator, address=address).info("An operator has logged in to the board")
        answered = json_answer(Me(operator=session.operator, csrf=session.csrf, can_log_in=True))
        answered.set_cookie(
            _COOKIE,
            cookie,
            max_age=round(self._desk.config.web.session.total_seconds()),
            path=_PATH,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answered

    async def logout(self, request: Request) -> Response:
        """End a session."""
        if refused := _foreign(request) or _forged(request, self._session_of(request)):
            return refused
        self._sessions.end(request.cookies.get(_COOKIE))
        answered = json_answer(Me(operator=None, csrf="", can_log_in=True))
        answered.delete_cookie(_COOKIE, path=_PATH, httponly=True, samesite="strict")
        return answered

    async def order(self, request: Request) -> Response:
        """Carry out a request of an operator."""
        session = self._session_of(request)
        if refused := _foreign(request) or _forged(request, session):
            return refused
        assert session is not None  # noqa: S101 - without one it was refused
        body = await _body(request, most=self._desk.config.requests.max_payload_bytes)
        parameters = _TOO_LARGE if body is None else parameters_of(body)
        if isinstance(parameters, Refusal):
            return _reply(parameters)
        transaction = transaction_in(parameters)
        if self._limits is not self._desk.config.requests:
            self._limits = self._desk.config.requests
            self._orders.change(per_minute=self._limits.per_minute, of_all=self._limits.per_minute_of_all)
        if not self._orders.allow(session.operator, self._desk.clock()):
            return _reply(Refusal(Code.RATE_LIMITED, "Too many requests within a minute: ask later"), transaction)
        verb = request.path_params["verb"]
        outcome = await carry_out(self._desk, verb, without_envelope(parameters), operator=session.operator)
        return _reply(outcome, transaction)

    def _session_of(self, request: Request) -> Session | None:
        session = self._sessions.of(request.cookies.get(_COOKIE))
        return session if session and self._door.hashes.get(session.operator) == session.hashed else None


class _Door:
    """Lets operators in, and makes it slow to guess."""

    def __init__(self, desk: WebDesk) -> None:
        self.attempts = Rates(per_minute=_LOGINS_PER_MINUTE, of_all=_LOGINS_OF_ALL)
        self._desk = desk
        self._one_by_one = asyncio.Lock()
        """An attempt takes memory and time."""

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes of the passwords, by the names of the operators."""
        return {name: secret.get_secret_value() for name, secret in self._desk.config.web.operators.items()}

    async def lets_in(self, asked: Login) -> bool:
        """Whether name and password are those of an operator. An unknown name takes as long as a wrong password."""
        async with self._one_by_one:
            is_right = await asyncio.to_thread(is_password, asked.password, self.hashes.get(asked.name, _NOBODYS))
        return is_right and asked.name in self.hashes


def _reply(outcome: Answer | Refusal, transaction: Transaction = msgspec.UNSET) -> Response:
    """The same reply as over MQTT."""
    status = _STATUS[outcome.code] if isinstance(outcome, Refusal) else 200
    return Response(response(outcome, transaction), status_code=status, media_type=JSON)


async def _body(request: Request, *, most: int) -> bytes | None:
    """The body of the request. None: it is longer than that. A browser that does not send it in time is refused."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    return None
    except TimeoutError:
        raise HTTPException(408, "The body of the request did not come in time") from None
    return bytes(body)


def _foreign(request: Request) -> Response | None:
    """The answer to a request that a page of another host makes, or a form. None: it is one of ours."""
    origin = request.headers.get("origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if is_ours and kind == JSON:
        return None
    return refusal(403, "foreign", f"The board takes {JSON} from its own pages only")


def _forged(request: Request, session: Session | None) -> Response | None:
    """The answer to a request without a session, or without its secret. None: it has both."""
    if session is None:
        return refusal(401, "not_logged_in", "Log in first")
    if not hmac.compare_digest(request.headers.get("x-csrf-token", "").encode(), session.csrf.encode()):
        return refusal(403, "forged", "The header X-CSRF-Token is not that of this session: load the board anew")
    return None
