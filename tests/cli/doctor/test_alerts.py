"""What doctor says about the recipients of alerts."""

from typing import Any

import pytest

from parking_gateway.cli.doctor.alerts import examine_alerts
from parking_gateway.process.config import Config
from parking_gateway.store.pool import Pool

HOOK = "https://hooks.example.org/token-in-the-path"
CONFIG = Config(alerts={"webhooks": [HOOK], "webhook_secret": "a secret of the tests"})
WAITING = """
insert into notice (id, at, kind, details) values (1, now(), 'silent', '{}');
insert into alert_recipient (name, kinds, seen_at) values (:name, '{silent}', now());
insert into alert (recipient, notice) values (:name, 1);
"""
AWAY = "update alert_recipient set failures = 2, failing_since = now(), error = 'it answered 503'"
GIVEN_UP = "update alert set given_up_at = now(), error = 'it answered 422'"


async def checked(pool: Pool, config: Config = CONFIG) -> list[tuple[str, str]]:
    """The verdict and the detail of each check."""
    async with pool.connect() as connection:
        return [(one.verdict, one.detail) for one in await examine_alerts(connection, config=config)]


async def test_without_alerts_there_is_no_check(pool: Pool) -> None:
    assert await checked(pool, Config()) == []


async def test_a_recipient_that_no_gateway_has_started_with_is_not_judged(pool: Pool) -> None:
    ((verdict, detail),) = await checked(pool)
    assert (verdict, "no gateway has started with it" in detail) == ("unknown", True)
    assert "token-in-the-path" not in detail


@pytest.mark.parametrize(
    ("then", "verdict", "sentence"),
    [
        ([], "fine", "1 notice to be delivered"),
        ([AWAY], "wrong", "1 notice to be delivered, 2 failures in a row: it answered 503"),
        ([GIVEN_UP], "wrong", "1 notice of the last day given up: it answered 422"),
    ],
)
async def test_what_waits_fails_and_was_given_up_is_named(
    pool: Pool, then: list[str], verdict: str, sentence: str
) -> None:
    ((_, detail),) = await checked(pool)
    name: Any = detail.removeprefix("webhook ").partition(": no gateway")[0]
    async with pool.engine.begin() as connection:
        for statement in (*WAITING.replace(":name", f"'{name}'").strip().splitlines(), *then):
            await connection.exec_driver_sql(statement)
    ((found, detail),) = await checked(pool)
    assert (found, detail) == (verdict, f"webhook {name}: {sentence}")
