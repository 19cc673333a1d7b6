"""The signature of webhooks, and a configuration that cannot be used."""

import importlib.util
from pathlib import Path

import pytest

from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.outbox.alerts.webhook import key_of, signed
from parking_gateway.process import wall_clock
from parking_gateway.process.config import Config, ConfigError
from tests.plugins.recipients import SECRET

HOOKS = {"webhooks": ["https://hooks.example.org/a", "https://hooks.example.org/b"], "webhook_secret": SECRET}
MAILS = {"mail_to": ["a@example.org"], "mail_from": "b@example.org", "smtp_host": "mail.example.org"}


def test_the_signature_is_that_of_the_example_of_standard_webhooks() -> None:
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", ["a secret of the tests", "whsec_no Base64 at all!"])
def test_a_secret_that_is_no_base64_is_the_key_as_it_is(secret: str) -> None:
    assert key_of(secret) == secret.encode()


def test_each_url_and_all_addresses_together_are_a_recipient_with_a_name_of_its_own() -> None:
    found = recipients_of(Config(alerts=HOOKS | MAILS), clock=wall_clock.utc)
    assert [one.medium for one in found] == ["webhook", "webhook", "mail"]
    assert len({one.name for one in found}) == 3
    assert recipients_of(Config(), clock=wall_clock.utc) == ()


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (file := tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"alerts\.ca_file names a file that holds no certificate in PEM"):
        recipients_of(Config(alerts=HOOKS | {"ca_file": file}), clock=wall_clock.utc)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        recipients_of(Config(alerts=HOOKS | MAILS), clock=wall_clock.utc)
    assert [one.partition(":")[0] for one in caught.value.mistakes] == [
        "alerts.webhooks needs the package httpx",
        "alerts.mail_to needs the package aiosmtplib",
    ]
