"""A cancelled delivery ends, at whatever moment the mail server answers."""

import asyncio
from datetime import UTC, datetime

import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import DueOutgoing
from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.process import wall_clock
from parking_gateway.process.config import Config
from parking_gateway.store.alerts import Alert

NOTICE = Notice(kind=NoticeKind.SILENT, at=datetime(2026, 11, 23, 12, tzinfo=UTC))
ALERT = Alert(DueOutgoing(id=1, site=None, zone=None, space=None, message=NOTICE), failures=0)


@pytest.mark.parametrize("turns", range(8))
async def test_a_delivery_that_is_cancelled_a_few_turns_after_an_answer_ends(turns: int) -> None:
    """Of the event loop. In some of them, the answer and the cancellation reach the same wait."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while command := await reader.readline():
            is_sender = command.startswith(b"MAIL")
            writer.write(b"550 no\r\n" if is_sender else b"250 OK\r\n")
            if is_sender:
                for _ in range(turns):
                    await asyncio.sleep(0)
                delivery.cancel()
        writer.close()

    server = await asyncio.start_server(refuse, LOCALHOST, 0)
    alerts = {
        "mail_to": ["one@example.org"],
        "mail_from": "gateway@example.org",
        "smtp_host": LOCALHOST,
        "smtp_port": server.sockets[0].getsockname()[1],
        "smtp_encryption": "none",
    }
    (mail,) = recipients_of(Config(alerts=alerts), clock=wall_clock.utc)
    delivery = asyncio.create_task(mail.deliver([ALERT]))
    await asyncio.wait([delivery], timeout=10)
    assert delivery.cancelled()
    server.close()
