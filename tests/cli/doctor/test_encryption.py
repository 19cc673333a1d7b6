"""Connections that leave this machine without encryption or verification are named."""

from typing import Any

import pytest

from parking_gateway.cli.doctor.encryption import examine_encryption
from parking_gateway.process.config import Config


def checks_of(**sections: dict[str, Any]) -> list[tuple[str, str]]:
    return [(check.verdict, check.detail) for check in examine_encryption(Config(**sections))]  # type: ignore[arg-type]


def test_on_this_machine_nothing_has_to_be_encrypted() -> None:
    local = "postgresql://parking@localhost,127.0.0.1/parking"
    assert checks_of() == []
    assert checks_of(database={"url": local}, mqtt={"url": "mqtt://[::1]"}) == []
    assert checks_of(database={"url": "postgresql:///parking?host=/var/run/postgresql"}) == []


@pytest.mark.parametrize("more", ["", "?sslmode=prefer", "?sslmode=allow"])
def test_a_database_elsewhere_without_a_decision_is_wrong(more: str) -> None:
    ((verdict, detail),) = checks_of(database={"url": f"postgresql://parking:hunter2@a,127.0.0.1,b/parking{more}"})
    assert verdict == "wrong"
    assert "the database at a, b verifies nothing" in detail
    assert "hunter2" not in detail


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("sslmode=disable", "is not encrypted"),
        ("sslmode=require", "is encrypted, and the server is not verified"),
        ("sslmode=verify-full", None),
        ("sslmode=verify-ca", None),
        ("sslrootcert=system", None),
    ],
)
def test_a_decision_is_shown_and_is_not_wrong(parameters: str, expected: str | None) -> None:
    found = checks_of(database={"url": f"postgresql://parking@database/parking?{parameters}"})
    assert [verdict for verdict, _ in found] == (["fine"] if expected else [])
    assert expected is None or expected in found[0][1]


def test_a_broker_and_an_api_elsewhere_are_shown() -> None:
    found = checks_of(
        mqtt={"url": "mqtt://broker"},
        chirpstack={"api_url": "http://chirpstack:8080", "api_key": "hunter2"},
    )
    assert [verdict for verdict, _ in found] == ["fine", "fine"]
    assert "the broker at broker is not encrypted" in found[0][1]
    assert "ChirpStack at chirpstack is not encrypted" in found[1][1]
    secure = {"api_url": "https://chirpstack", "api_key": "x"}
    assert checks_of(mqtt={"url": "mqtts://broker"}, chirpstack=secure) == []


def test_alerts_that_leave_this_machine_in_the_clear_are_shown() -> None:
    alerts = {
        "webhooks": ["http://hooks/hunter2", "https://other/hunter2", "http://127.0.0.1/hunter2"],
        "webhook_secret": "a secret of the tests",
        "mail_to": ["a@example.org"],
        "mail_from": "b@example.org",
        "smtp_host": "mail.example.org",
    }
    ((verdict, detail),) = checks_of(alerts=alerts)
    assert (verdict, "hunter2" in detail) == ("fine", False)
    assert "the alerts to hooks are not encrypted, as alerts.webhooks demands" in detail
    _, (_, detail) = checks_of(alerts=alerts | {"smtp_encryption": "none"})
    assert "the alerts to mail.example.org are not encrypted, as alerts.smtp_encryption demands" in detail
    assert len(checks_of(alerts=alerts | {"smtp_encryption": "none", "smtp_host": "localhost"})) == 1
