"""E-mail: all notices that wait, in one mail, and then none for `alerts.mail_interval`."""

import asyncio
import hashlib
import json
import ssl
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import DueOutgoing
from parking_gateway.core.printable import printable
from parking_gateway.core.wording import counted
from parking_gateway.outbox.alerts.recipient import Delivery, Failure
from parking_gateway.process.config import AlertsConfig
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.alerts import Alert

_AT_ONCE: Final = 500
_STEPS: Final = 3
"""Each step of a delivery, such as the greeting, may take `alerts.timeout`; all together as long as these."""
_LONGEST_DETAILS: Final = 300


class Mail:
    """The mails to all addresses of the configuration."""

    medium: Final = "mail"
    name: Final = "mail"
    at_once: Final = _AT_ONCE

    def __init__(
        self,
        config: AlertsConfig,
        *,
        kinds: Collection[NoticeKind],
        root: str,
        context: ssl.SSLContext,
        clock: WallClock,
    ) -> None:
        self._config = config
        self.kinds = kinds
        self._root = root
        self._context = context
        self._clock = clock
        self.rest_seconds = config.mail_interval.total_seconds()
        self.seconds = config.timeout.total_seconds() * _STEPS

    async def deliver(self, alerts: Sequence[Alert]) -> Delivery:
        """Send one mail with all of them."""
        made = await self._send(alerts)
        # aiosmtplib uses `asyncio.wait_for`, which in Python 3.11 drops a cancellation that comes together with an answer. Then a
        # gateway that stops would go on delivering for ever.
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError
        return made

    async def _send(self, alerts: Sequence[Alert]) -> Delivery:
        import aiosmtplib  # noqa: PLC0415 - an optional package

        config, password = self._config, self._config.smtp_password
        message = mail_of(
            [one.notice for one in alerts],
            root=self._root,
            sender=config.mail_from or "",
            recipients=config.mail_to,
            now=self._clock(),
        )
        try:
            async with asyncio.timeout(self.seconds):
                refused, _ = await aiosmtplib.send(
                    message,
                    hostname=config.smtp_host,
                    port=config.smtp_port,
                    username=config.smtp_username,
                    password=None if password is None else password.get_secret_value(),
                    use_tls=config.smtp_encryption == "tls",
                    start_tls=config.smtp_encryption == "starttls",
                    tls_context=None if config.smtp_encryption == "none" else self._context,
                    timeout=config.timeout.total_seconds(),
                )
        except TimeoutError:
            return Delivery(failure=Failure(f"{config.smtp_host} did not answer within {self.seconds:g} s"))
        except (aiosmtplib.SMTPException, OSError) as error:
            return Delivery(failure=Failure(f"{config.smtp_host}: {printable(str(error) or type(error).__name__)}"))
        # All others have it, and would get it again with another attempt.
        unreached = tuple(printable(address) for address in refused)
        return Delivery(delivered=alerts, unreached=unreached)


def mail_of(
    notices: Sequence[DueOutgoing], *, root: str, sender: str, recipients: Sequence[str], now: datetime
) -> EmailMessage:
    """One mail with a line for each notice. Two mails with the same notices have the same Message-ID."""
    counts = Counter(one.message.kind for one in notices if isinstance(one.message, Notice))
    kinds = ", ".join(kind if count == 1 else f"{kind} ({count})" for kind, count in counts.most_common())
    numbers = ",".join(str(one.id) for one in notices)
    message = EmailMessage()
    message["Subject"] = f"[{root}] {counted(len(notices), 'notice')}: {kinds}"
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(now.astimezone(UTC))
    digest = hashlib.sha256(f"{root} {numbers}".encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{digest}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        "\n".join(map(_line, notices)) + "\n\nA number in brackets names a notice: two mails may have the same one.\n"
    )
    return message


def _line(row: DueOutgoing) -> str:
    notice = row.message
    assert isinstance(notice, Notice)  # noqa: S101 - an alert has no other message
    place = "/".join(name for name in (row.site, row.zone, row.space) if name)
    details = printable(json.dumps(notice.details))[:_LONGEST_DETAILS] if notice.details else ""
    parts = (
        f"[{row.id}]",
        f"{notice.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        notice.kind,
        place,
        notice.dev_eui,
        details,
    )
    return "  ".join(part for part in parts if part)
