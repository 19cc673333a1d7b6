"""The recipients of alerts: an HTTP server and a mail server in threads of their own."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.plugins.tls import Certificates

SECRET = "a secret of the tests"
PASSWORD = "of the mails"


class HookServer:
    """A webhook. It answers 204, or what `answers` has."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        """Headers, with names in lower case, and bodies."""
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.is_open = threading.Event()
        """While it is not set, nothing is answered."""
        self.is_open.set()
        self.has_request = threading.Semaphore(0)
        server = ThreadingHTTPServer((LOCALHOST, 0), self._handler())
        server.daemon_threads = True
        self._server = server
        self.url = f"http://{LOCALHOST}:{server.server_port}/token-in-the-path"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def close(self) -> None:
        """End it."""
        self.is_open.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        """Of the messages, in the order in which they came."""
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def kinds(self) -> list[str]:
        """Of the notices."""
        return [json.loads(body)["kind"] for _, body in self.requests]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hooks.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                hooks.has_request.release()
                hooks.is_open.wait()
                status, headers = hooks.answers.popleft() if hooks.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


def is_signed(headers: dict[str, str], body: bytes, *, secret: str = SECRET) -> bool:
    """Whether the signature is right, computed as standardwebhooks.com says."""
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


class MailServer:
    """A mail server that takes mails after STARTTLS and a login."""

    def __init__(self, certificates: Certificates) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: set[str] = set()
        """Addresses that it refuses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname=LOCALHOST,
            port=self.port,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=_login,
        )
        self._controller.start()

    def close(self) -> None:
        """End it."""
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        if address in self.refused:
            return "550 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        mail: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(mail)
        return "250 OK"


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and given.login == b"gateway" and given.password == PASSWORD.encode()
    return AuthResult(success=is_right, handled=False)


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    """A webhook."""
    server = HookServer()
    yield server
    server.close()


@pytest.fixture
def mail_server(certificates: Certificates) -> Iterator[MailServer]:
    """A mail server with the certificate of the tests."""
    server = MailServer(certificates)
    yield server
    server.close()
