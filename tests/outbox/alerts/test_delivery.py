"""Notices reach webhooks and mailboxes, once or with the same id, whatever fails in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.outbox.alerts.delivery import Alerts, wait_of
from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.process import wall_clock
from parking_gateway.process.config import Config
from parking_gateway.process.waits import Backoff
from parking_gateway.store import outgoing
from parking_gateway.store.alert_recipients import RecipientState
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics
from parking_gateway.telemetry.report import Report
from tests.plugins.recipients import PASSWORD, SECRET, HookServer, MailServer, is_signed
from tests.plugins.tls import Certificates
from tests.whole_gateway import until, validate, value

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = timedelta(milliseconds=10)
TO = ["one@example.org", "two@example.org"]


class InterruptedReport(Report):
    """Something happens before a step of a delivery is reported."""

    meanwhile: Callable[[], None] | None = None

    @override
    def alerted(self, medium: str, **counts: int) -> None:
        if self.meanwhile is not None:
            self.meanwhile()
        super().alerted(medium, **counts)


class Gateway:
    """The alerts of a gateway, with a report of its own."""

    def __init__(self, pool: Pool, *, instance: str = "gw", **alerts: Any) -> None:
        config = Config(alerts={"retry_wait_min": 0.01, "retry_wait_max": 0.02, "timeout": 5, **alerts})
        self.health = Health(stalled_after=timedelta(minutes=1))
        self.metrics = Metrics(self.health)
        self.report = InterruptedReport(
            health=self.health, metrics=self.metrics, root="parking/v1", clock=wall_clock.utc
        )
        self.alerts = Alerts(
            recipients_of(config, clock=wall_clock.utc),
            config.alerts,
            instance=instance,
            database=pool,
            patience=Patience(
                pool,
                backoff=Backoff(shortest=SOON, longest=SOON),
                stop=asyncio.Event(),
                report=lambda _what, _failure: None,
            ),
            report=self.report,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver beside the test."""
        task = asyncio.create_task(self.alerts.run())
        yield
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    @property
    def problems(self) -> str:
        """What a person has to correct."""
        return "\n".join(self.health.problems.values())


async def write(pool: Pool, *kinds: NoticeKind) -> None:
    """Commit these notices."""
    async with pool.connect() as connection:
        notices = [Notice(kind=kind, at=NOON, details={"n": number}) for number, kind in enumerate(kinds)]
        await connection.commit_together(outgoing.send(notices))


def recipients(pool: Pool, number: int) -> Callable[[], Awaitable[bool]]:
    async def are_registered() -> bool:
        return bool(await value(pool.engine, f"select count(*) = {number} from alert_recipient"))

    return are_registered


def left(pool: Pool, number: int) -> Callable[[], Awaitable[bool]]:
    async def are_left() -> bool:
        return bool(await value(pool.engine, f"select count(*) = {number} from alert where given_up_at is null"))

    return are_left


def mail_settings(server: MailServer, certificates: Certificates, **others: Any) -> dict[str, Any]:
    return {
        "mail_to": TO,
        "mail_from": "gateway@example.org",
        "smtp_host": "localhost",
        "smtp_port": server.port,
        "smtp_username": "gateway",
        "smtp_password": PASSWORD,
        "ca_file": certificates.ca,
        **others,
    }


async def test_a_webhook_gets_each_notice_of_its_kinds_once_signed_and_in_order(pool: Pool, hooks: HookServer) -> None:
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET, webhook_kinds=["silent", "fault"])
    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT, NoticeKind.DRIFT, NoticeKind.FAULT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the delivery")
    assert hooks.kinds == ["silent", "fault"]
    for headers, body in hooks.requests:
        message = json.loads(body)
        validate("notice", message)
        assert headers["webhook-id"] == f"notice-{message['id']}"
        assert is_signed(headers, body)
        assert not is_signed(headers, body, secret="another secret of the tests")
        assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert gateway.problems == ""


async def test_a_recipient_that_is_away_gets_everything_in_its_order_when_it_is_back(
    pool: Pool, hooks: HookServer
) -> None:
    hooks.answers.extend([(503, {}), (500, {}), (301, {"location": "/elsewhere"}), (401, {})])
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET)
    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT, NoticeKind.FAULT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the delivery")
    first, second = dict.fromkeys(hooks.ids)
    assert hooks.ids == [first] * 5 + [second]


async def test_a_recipient_that_stays_away_is_a_problem_and_its_url_is_in_no_sentence(
    pool: Pool, hooks: HookServer
) -> None:
    hooks.answers.extend([(401, {})] * 1000)
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET)

    async def is_reported() -> bool:
        return "answered 401" in gateway.problems

    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(is_reported, "a problem")
        assert "token-in-the-path" not in gateway.problems
        hooks.answers.clear()
        await until(left(pool, 0), "the delivery")

    assert gateway.problems == ""


async def test_a_notice_that_a_recipient_refuses_delays_no_other_and_is_given_up(pool: Pool, hooks: HookServer) -> None:
    hooks.answers.extend([(422, {})])
    gateway = Gateway(
        pool,
        webhooks=[hooks.url],
        webhook_secret=SECRET,
        retry_wait_min=100,
        retry_wait_max=100,
        give_up_after=0.5,
    )

    async def is_given_up() -> bool:
        gateway.alerts.wake()
        return "given up" in gateway.problems

    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT, NoticeKind.FAULT)
        gateway.alerts.wake()
        await until(is_given_up, "the end of the attempts")
    assert hooks.kinds == ["silent", "fault"]
    assert "it answered 422" in gateway.problems
    assert await value(pool.engine, "select count(*) from notice") == 2


AN_HOUR_AGO = "update alert set created_at = now() - interval '1 hour'"
"""Longer ago than `alerts.give_up_after` of these tests."""


@pytest.mark.parametrize(
    ("before", "answers"),
    [("", []), ("", [503]), (", failures = 9, error = '503', failing_since = now() - interval '1 day'", [])],
    ids=["at once", "with the second attempt", "after a long failure"],
)
async def test_a_notice_that_waited_for_a_gateway_is_delivered_and_not_given_up(
    pool: Pool, hooks: HookServer, before: str, answers: list[int]
) -> None:
    """All gateways were away for longer than `alerts.give_up_after`."""
    settings: dict[str, Any] = {"webhooks": [hooks.url], "webhook_secret": SECRET, "give_up_after": 600}
    async with Gateway(pool, **settings).running():
        await until(recipients(pool, 1), "the webhook")
    await write(pool, NoticeKind.SILENT)
    async with pool.engine.begin() as connection:
        await connection.exec_driver_sql(AN_HOUR_AGO)
        await connection.exec_driver_sql(f"update alert_recipient set next_at = now() {before}")
    hooks.answers.extend([(status, {}) for status in answers])
    gateway = Gateway(pool, **settings)
    async with gateway.running():
        await until(left(pool, 0), "the delivery")
    assert hooks.kinds == ["silent"] * (len(answers) + 1)
    assert gateway.problems == ""


async def test_a_notice_is_given_up_if_its_recipient_was_away_for_as_long(pool: Pool, hooks: HookServer) -> None:
    hooks.answers.extend([(503, {})] * 1000)
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET, give_up_after=0.5)

    async def is_given_up() -> bool:
        return bool(await value(pool.engine, "select count(given_up_at) = 1 from alert"))

    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(is_given_up, "the end of the attempts")
    assert "it answered 503" in await value(pool.engine, "select error from alert")


async def test_a_notice_that_waits_for_the_next_mail_is_not_given_up(
    pool: Pool, mail_server: MailServer, certificates: Certificates
) -> None:
    """Although `alerts.mail_interval` is longer than `alerts.give_up_after`."""
    settings = mail_settings(mail_server, certificates, mail_interval=3600, give_up_after=600)
    gateway = Gateway(pool, **settings)
    async with gateway.running():
        await until(recipients(pool, 1), "the mail recipient")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the first mail")
        await write(pool, NoticeKind.FAULT)
        async with pool.engine.begin() as connection:
            await connection.exec_driver_sql(AN_HOUR_AGO)
            await connection.exec_driver_sql("update alert_recipient set next_at = now()")
        gateway.alerts.wake()
        await until(left(pool, 0), "the second mail")
    assert [mail["Subject"] for mail in mail_server.mails] == [
        "[parking/v1] 1 notice: silent",
        "[parking/v1] 1 notice: fault",
    ]
    assert gateway.problems == ""


async def test_a_recipient_may_ask_for_a_pause(pool: Pool, hooks: HookServer) -> None:
    hooks.answers.extend([(429, {"retry-after": "3000"})])
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET)

    async def is_asked_for() -> bool:
        pause = "select coalesce(max(next_at) > now() + interval '2900 seconds', false) from alert_recipient"
        return bool(await value(pool.engine, pause))

    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(is_asked_for, "a pause")
    assert len(hooks.requests) == 1


async def test_two_gateways_deliver_each_notice_once(pool: Pool, hooks: HookServer) -> None:
    settings = {"webhooks": [hooks.url], "webhook_secret": SECRET}
    first, second = (Gateway(pool, instance=name, **settings) for name in ("one", "two"))
    hooks.is_open.clear()
    async with first.running(), second.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, *[NoticeKind.SILENT] * 30)
        first.alerts.wake()
        second.alerts.wake()
        assert await asyncio.to_thread(hooks.has_request.acquire, timeout=10)
        second.alerts.wake()
        hooks.is_open.set()
        await until(left(pool, 0), "the delivery")
    assert len(hooks.ids) == len(set(hooks.ids)) == 30


async def test_notices_from_before_a_webhook_was_configured_are_not_sent_to_it(pool: Pool, hooks: HookServer) -> None:
    await write(pool, NoticeKind.SILENT)
    gateway = Gateway(pool, webhooks=[hooks.url], webhook_secret=SECRET)
    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.FAULT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the delivery")
    assert hooks.kinds == ["fault"]


async def test_several_notices_are_one_mail_and_the_next_mail_comes_after_the_interval(
    pool: Pool, mail_server: MailServer, certificates: Certificates
) -> None:
    gateway = Gateway(pool, **mail_settings(mail_server, certificates, mail_kinds=["silent", "fault"]))
    async with gateway.running():
        await until(recipients(pool, 1), "the mail recipient")
        await write(pool, NoticeKind.SILENT, NoticeKind.SILENT, NoticeKind.FAULT, NoticeKind.DRIFT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the first mail")
        await write(pool, NoticeKind.FAULT)
        gateway.alerts.wake()

        async def is_looked_at() -> bool:
            return bool(
                await value(pool.engine, "select next_at > now() + interval '200 seconds' from alert_recipient")
            )

        await until(is_looked_at, "the rest of the recipient")
        assert len(mail_server.mails) == 1
        async with pool.engine.begin() as connection:
            await connection.exec_driver_sql("update alert_recipient set next_at = now()")
        gateway.alerts.wake()
        await until(left(pool, 0), "the second mail")
    first, second = mail_server.mails
    assert first["Subject"] == "[parking/v1] 3 notices: silent (2), fault"
    assert (first["From"], first["To"]) == ("gateway@example.org", ", ".join(TO))
    assert first.get_content().count("2026-11-23 12:00:00 UTC") == 3
    assert second["Subject"] == "[parking/v1] 1 notice: fault"
    assert first["Message-ID"] != second["Message-ID"]
    assert gateway.problems == ""


async def test_a_mailbox_that_does_not_exist_is_named_and_the_others_get_their_mail(
    pool: Pool, mail_server: MailServer, certificates: Certificates
) -> None:
    mail_server.refused.add(TO[1])
    gateway = Gateway(pool, **mail_settings(mail_server, certificates))
    async with gateway.running():
        await until(recipients(pool, 1), "the mail recipient")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(left(pool, 0), "the mail")
    assert len(mail_server.mails) == 1
    assert TO[1] in gateway.problems
    assert TO[0] not in gateway.problems


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"smtp_password": "of something else"}, "535"),
        ({"smtp_encryption": "tls"}, "localhost"),
        ({"ca_file": ""}, "certificate"),
    ],
    ids=["password", "encryption", "authority"],
)
async def test_a_mail_server_that_takes_nothing_is_a_problem_without_the_password(
    pool: Pool, mail_server: MailServer, certificates: Certificates, wrong: dict[str, str], sentence: str
) -> None:
    gateway = Gateway(pool, **mail_settings(mail_server, certificates) | wrong)

    async def is_reported() -> bool:
        return sentence in gateway.problems

    async with gateway.running():
        await until(recipients(pool, 1), "the mail recipient")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(is_reported, sentence)
    assert PASSWORD not in gateway.problems
    assert mail_server.mails == []


@pytest.mark.parametrize(("seconds", "wait"), [(None, 5), (-3, 5), (0, 5), (0.5, 0.5), (300, 5)])
def test_alerts_that_another_gateway_delivers_are_waited_for(seconds: float | None, wait: float) -> None:
    assert wait_of(RecipientState(seconds=seconds)) == wait


async def test_other_recipients_take_over_while_it_runs(pool: Pool, hooks: HookServer) -> None:
    """The former one was failing; its problem ends with it."""
    gateway = Gateway(pool, webhooks=["http://127.0.0.1:1/away"], webhook_secret=SECRET)
    async with gateway.running():
        await until(recipients(pool, 1), "the first webhook")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()

        async def is_a_problem() -> bool:
            return "do not reach webhook" in gateway.problems

        await until(is_a_problem, "a problem")
        config = Config(alerts={"webhooks": [hooks.url], "webhook_secret": SECRET})
        gateway.alerts.reconfigure(recipients_of(config, clock=wall_clock.utc), config.alerts)
        await until(recipients(pool, 2), "the second webhook")
        await write(pool, NoticeKind.FAULT)
        gateway.alerts.wake()

        async def is_delivered() -> bool:
            return hooks.kinds == ["fault"] and gateway.problems == ""

        await until(is_delivered, "the delivery, and the end of the problem")


async def test_an_attempt_that_is_cut_off_leaves_no_problem_of_a_former_recipient(pool: Pool) -> None:
    """The configuration changes between its answer and the complaint about it."""
    gateway = Gateway(pool, webhooks=["http://127.0.0.1:1/away"], webhook_secret=SECRET)

    def leave_none() -> None:
        gateway.report.meanwhile = None
        gateway.alerts.reconfigure((), Config().alerts)

    async def is_a_problem() -> bool:
        return "do not reach webhook" in gateway.problems

    async def is_over() -> bool:
        return gateway.report.meanwhile is None and gateway.problems == ""

    async with gateway.running():
        await until(recipients(pool, 1), "the webhook")
        await write(pool, NoticeKind.SILENT)
        gateway.alerts.wake()
        await until(is_a_problem, "a problem")
        gateway.report.meanwhile = leave_none
        await until(is_over, "the end of the problem")
