"""Telegraf as a contestant: what it is given, and where it cannot be had."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import telegraf
from benchmarks.against_telegraf import rows
from benchmarks.contestants import Contestant
from benchmarks.servers import Unavailable
from tests.benchmarks.drains import drained


def test_telegraf_s_table_has_a_column_for_each_field_that_it_keeps() -> None:
    (source,) = tomllib.loads(telegraf.CONFIGURATION.read_text())["inputs"]["mqtt_consumer"]
    quoted = re.findall(r'"?(\w+)"? (?:text|float8|timestamptz)', telegraf.TABLE)
    assert set(quoted) == {"time", *source["fieldinclude"]}


def test_telegraf_acknowledges_what_it_has_written() -> None:
    """With a persistent session alone it waits for the output, and it has to be able to hold more than one write."""
    found = tomllib.loads(telegraf.CONFIGURATION.read_text())
    (source,) = found["inputs"]["mqtt_consumer"]
    assert (source["qos"], source["persistent_session"]) == (1, True)
    assert source["max_undelivered_messages"] > found["agent"]["metric_batch_size"]


def test_without_go_the_comparison_is_skipped_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Go is not installed"):
        telegraf.program()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.against_telegraf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr.startswith("Skipped. Telegraf is built with Go, and Go is not installed.")


def test_the_gateway_is_compared_with_telegraf_within_a_run() -> None:
    drains = [
        drained(2, by=Contestant.TELEGRAF, loop=0.04),
        drained(1, loop=0.02),
        drained(8, loop=0.01),  # while something else ran
        drained(16, by=Contestant.TELEGRAF, loop=0.02),
    ]
    found = {what: cells for what, *cells in rows(drains)}
    assert found["uplinks/s"][2:] == ["200.0%", "200.0% to 200.0%"]
    assert found["the program itself"] == ["30.0", "15.0", "50.0%", "50.0% to 50.0%"]
