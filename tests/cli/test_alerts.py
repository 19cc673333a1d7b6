"""The command that tries the recipients of alerts."""

import json

import pytest
from typer.testing import CliRunner

from parking_gateway.cli import app
from tests.plugins.recipients import SECRET, HookServer, is_signed


def test_each_recipient_is_tried_and_its_answer_is_shown(hooks: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKING_GATEWAY_ALERTS__WEBHOOKS", json.dumps([hooks.url]))
    monkeypatch.setenv("PARKING_GATEWAY_ALERTS__WEBHOOK_SECRET", SECRET)
    result = CliRunner().invoke(app, ["alerts", "test"])
    assert (result.exit_code, ": delivered" in result.stdout) == (0, True)
    hooks.answers.append((403, {}))
    result = CliRunner().invoke(app, ["alerts", "test"])
    assert (result.exit_code, "it answered 403" in result.stderr) == (1, True)
    assert "token-in-the-path" not in result.output
    assert hooks.kinds == ["test", "test"]
    assert len(set(hooks.ids)) == 2
    assert all(is_signed(headers, body) for headers, body in hooks.requests)


def test_without_recipients_the_command_says_what_to_set() -> None:
    result = CliRunner().invoke(app, ["alerts", "test"])
    assert (result.exit_code, "set alerts.webhooks or alerts.mail_to" in result.stderr) == (1, True)
