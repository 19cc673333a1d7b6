"""Alerts survive the death of the gateway: none is lost, and what comes twice has the same id."""

import asyncio
import json
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.store import outgoing
from parking_gateway.store.pool import Pool
from tests.plugins.daemon import Daemon
from tests.plugins.recipients import PASSWORD, SECRET, HookServer, MailServer, is_signed
from tests.plugins.tls import Certificates
from tests.whole_gateway import until, value


async def test_a_gateway_that_dies_while_it_delivers_delivers_again_with_the_same_ids(
    daemon: Daemon,
    engine: AsyncEngine,
    pool: Pool,
    hooks: HookServer,
    mail_server: MailServer,
    certificates: Certificates,
) -> None:
    daemon.configure(
        ALERTS__WEBHOOKS=json.dumps([hooks.url]),
        ALERTS__WEBHOOK_SECRET=SECRET,
        ALERTS__MAIL_TO='["somebody@example.org"]',
        ALERTS__MAIL_FROM="gateway@example.org",
        ALERTS__SMTP_HOST=LOCALHOST,
        ALERTS__SMTP_PORT=str(mail_server.port),
        ALERTS__SMTP_USERNAME="gateway",
        ALERTS__SMTP_PASSWORD=PASSWORD,
        ALERTS__CA_FILE=str(certificates.ca),
    )

    async def are_registered() -> bool:
        return bool(await value(engine, "select count(*) = 2 from alert_recipient"))

    async def are_delivered() -> bool:
        return bool(await value(engine, "select not exists (select from alert)"))

    daemon.start_and_wait()
    await until(are_registered, "the recipients of the configuration")
    hooks.is_open.clear()
    async with pool.connect() as connection:
        notices = [Notice(kind=kind, at=datetime.now(UTC)) for kind in (NoticeKind.FAULT, NoticeKind.TAMPER)]
        await connection.commit_together(outgoing.send(notices))
    assert await asyncio.to_thread(hooks.has_request.acquire, timeout=30)
    daemon.kill()
    hooks.is_open.set()
    daemon.start_and_wait()
    await until(are_delivered, "the deliveries")
    first, second = dict.fromkeys(hooks.ids)
    assert hooks.ids == [first, first, second]
    assert all(is_signed(headers, body) for headers, body in hooks.requests)
    assert hooks.requests[0][1] == hooks.requests[1][1]
    mailed = "".join(mail.get_content() for mail in mail_server.mails)
    assert all(f"[{one.removeprefix('notice-')}]" in mailed for one in (first, second))
