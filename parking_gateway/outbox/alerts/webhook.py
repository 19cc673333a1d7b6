"""A webhook: each notice is a POST, signed as standardwebhooks.com describes it.

The body is the notice as it is published on MQTT. The recipient recognises by `webhook-id` what it receives twice.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import re
import ssl
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from parking_gateway.contract.outgoing import sent
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.printable import printable
from parking_gateway.outbox.alerts.recipient import Delivery, Failure
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.alerts import Alert

if TYPE_CHECKING:
    import httpx

_AT_ONCE: Final = 20
_PREFIX: Final = "whsec_"
"""Begins a secret that is Base64, as the generators of such secrets write it."""
_WRONG_CONTENT: Final = frozenset({400, 413, 415, 422})
"""Answers to one body. Any other refusal is one of the URL, the secret or the server, and so of every body."""
_LONGEST_WAIT: Final = 3600.0
"""Seconds. A recipient may ask for more in `Retry-After`."""


class Webhook:
    """The webhooks of one URL."""

    medium: Final = "webhook"
    at_once: Final = _AT_ONCE
    rest_seconds: Final = 0.0

    def __init__(  # noqa: PLR0913 - what is sent, where, and how it is signed
        self,
        url: SecretStr,
        *,
        secret: SecretStr,
        kinds: Collection[NoticeKind],
        root: str,
        context: ssl.SSLContext,
        timeout: timedelta,
        clock: WallClock,
    ) -> None:
        self._url = url
        self._key = key_of(secret.get_secret_value())
        self.kinds = kinds
        self._root = root
        self._context = context
        self._timeout = timeout.total_seconds()
        self._clock = clock
        self.seconds = self._timeout * _AT_ONCE
        # The URL may be a secret itself. Eight digits of its digest tell two URLs of one host apart.
        text = url.get_secret_value()
        self.name = f"{urlsplit(text).hostname} ({hashlib.sha256(text.encode()).hexdigest()[:8]})"

    async def deliver(self, alerts: Sequence[Alert]) -> Delivery:
        """Send them one after the other, until the recipient takes nothing any more."""
        import httpx  # noqa: PLC0415 - an optional package

        logging.getLogger("httpx").disabled = True  # it logs the URL
        delivered: list[Alert] = []
        refused: list[tuple[Alert, Failure]] = []
        async with httpx.AsyncClient(verify=self._context, timeout=self._timeout) as client:
            for alert in alerts:
                answer = await self._post(client, alert)
                if isinstance(answer, Failure):
                    return Delivery(delivered=delivered, refused=refused, failure=answer)
                if answer.is_success:
                    delivered.append(alert)
                elif answer.status_code in _WRONG_CONTENT:
                    refused.append((alert, _refusal(answer)))
                else:
                    return Delivery(delivered=delivered, refused=refused, failure=_refusal(answer))
        return Delivery(delivered=delivered, refused=refused)

    async def _post(self, client: "httpx.AsyncClient", alert: Alert) -> "httpx.Response | Failure":
        """Send one. The body of the answer is not read."""
        import httpx  # noqa: PLC0415 - as above

        url, body = self._url.get_secret_value(), sent(self._root, alert.notice).payload
        headers = {"content-type": "application/json", "user-agent": "parking-gateway"}
        headers |= signed(self._key, f"notice-{alert.notice.id}", body, at=int(self._clock().timestamp()))
        try:
            async with (
                asyncio.timeout(self._timeout),
                client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                return answer
        except (TimeoutError, httpx.TimeoutException):
            return Failure(f"it did not answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Failure(f"it cannot be reached: {printable(str(error) or type(error).__name__)}")


def signed(key: bytes, number: str, body: bytes, *, at: int) -> dict[str, str]:
    """The headers with id, time in seconds, and signature."""
    digest = hmac.digest(key, f"{number}.{at}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": number, "webhook-timestamp": str(at), "webhook-signature": signature}


def key_of(secret: str) -> bytes:
    """The key of signatures. A secret that is no Base64 behind its prefix is the key as it is."""
    try:
        return (
            base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
            if secret.startswith(_PREFIX)
            else secret.encode()
        )
    except binascii.Error:
        return secret.encode()


def _refusal(answer: "httpx.Response") -> Failure:
    asked = answer.headers.get("retry-after", "")
    seconds = min(_LONGEST_WAIT, float(asked)) if re.fullmatch(r"[0-9]{1,9}", asked) else 0.0
    to_do = ": configure the URL that it leads to" if answer.is_redirect else ""
    return Failure(f"it answered {answer.status_code}{to_do}", seconds)
