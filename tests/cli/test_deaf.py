"""Commands beside servers that accept and do not answer: each ends in a limited time, with a sentence."""

import json
import os
import time

import pytest

from tests import forked
from tests.cli.test_register import after_database

LIMIT = 20
"""Seconds, for the start of a process on a busy machine too."""


def run(port: int, *arguments: str) -> tuple[int, str, float]:
    """The status and the output of the command, and how many seconds it took, where everything is deaf at this port."""
    settings = {
        "DATABASE__URL": f"postgresql://nobody@127.0.0.1:{port}/nothing",
        "DATABASE__CONNECT_TIMEOUT": "2",
        "MQTT__URL": f"mqtt://127.0.0.1:{port}",
        "MQTT__PROTOCOL": "5",
        "MQTT__TIMEOUT": "0.5",
        "TELEMETRY__LISTEN": f"127.0.0.1:{port}",
        "TELEMETRY__TIMEOUT": "0.5",
        "CHIRPSTACK__API_URL": f"http://127.0.0.1:{port}",
        "CHIRPSTACK__API_KEY": "secret",
        "CHIRPSTACK__API_TIMEOUT": "0.5",
    }
    variables = {f"PARKING_GATEWAY_{name}": value for name, value in settings.items()}
    began = time.monotonic()
    ran = forked.run(*arguments, env=os.environ | variables, timeout=3 * LIMIT)
    return ran.returncode, ran.stdout + after_database(ran.stderr), time.monotonic() - began


def test_doctor_is_not_kept_waiting(deaf_port: int) -> None:
    """It looks at the pages, the broker and the database, and each is wrong."""
    status, output, seconds = run(deaf_port, "doctor", "--listen", "0", "--json")
    # The first one of each is about the server itself.
    checks = {check["about"]: check for check in reversed(json.loads(output))}
    assert status == 1
    assert [checks[about]["verdict"] for about in ("broker", "database")] == ["wrong", "wrong"]
    assert checks["gateway"]["verdict"] != "fine"
    assert seconds < LIMIT


@pytest.mark.parametrize("arguments", ["heal", "spaces list", "rejections list"])
def test_a_command_that_needs_the_database_ends_with_a_sentence(deaf_port: int, arguments: str) -> None:
    status, output, seconds = run(deaf_port, *arguments.split())
    assert status == 1
    assert "The database cannot be used: " in output
    assert "Traceback" not in output
    assert seconds < LIMIT
