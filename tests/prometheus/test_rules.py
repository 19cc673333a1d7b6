"""The rules of Prometheus: every alert fires when it should and only then, and names what a gateway really exposes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from tests.prometheus.rule_cases import CASES, Case, Series
from tools import metrics_page

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus" / "rules.yml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

HEALTHY: Series = {
    "up": "1x{values}",
    "process_start_time_seconds": "100x{values}",
    "broker_up": "1x{values}",
    "database_up": "1x{values}",
    "ready": "1x{values}",
    'messages_received_total{event="up"}': "0+60x{values}",
    "uplinks_recorded_total": "0+60x{values}",
    "journal_limit_bytes": "1e9x{values}",
    "journal_disk_free_bytes": "1e11x{values}",
    'spaces{state="FREE"}': "60x{values}",
    'spaces{state="OCCUPIED"}': "40x{values}",
}
"""Values that are not 0."""
BUCKETS = ("batch_seconds_bucket", "uplink_lag_seconds_bucket")
OF_ALL_TARGETS = ("up", "process_start_time_seconds")
USED = set(re.findall(r"(?<![:\w])(?:parking_gateway|process)_\w+", RULES.read_text()))


def promtool(*arguments: str | Path, text: str = "") -> str:
    result = subprocess.run(
        ["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def used_samples() -> Iterator[str]:
    """The samples that a gateway exposes and the rules use, without the namespace."""
    for family in metrics_page.families():
        for sample in family.samples:
            if sample.name in USED:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                yield sample.name.removeprefix("parking_gateway_") + (f"{{{labels}}}" if labels else "")


def series(changed: Series, *, values: int) -> list[dict[str, str]]:
    """The series of a gateway that is healthy but for these."""
    known = [*OF_ALL_TARGETS, *used_samples()]
    assert changed.keys() <= set(known), "the gateway does not expose such a sample"
    usual = {one: "0+60x{values}" if one.startswith(BUCKETS) else "0x{values}" for one in known}
    of_all = usual | dict(HEALTHY) | dict(changed)
    return [{"series": _named(sample), "values": its.format(values=values)} for sample, its in of_all.items()]


def _named(sample: str) -> str:
    """With the namespace, and with the labels that a scrape adds."""
    name, _, labels = sample.rstrip("}").partition("{")
    name = name if name in OF_ALL_TARGETS else f"parking_gateway_{name}"
    return f'{name}{{job="parking-gateway",instance="a:9464"{"," + labels if labels else ""}}}'


def firing(at: int, names: set[str]) -> dict[str, Any]:
    """That exactly these alerts fire at that minute."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)]
    return {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{at}m", "exp_samples": samples}


def checked(interval: str, tests: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Runs tests of promtool: with the groups in the order of the file, since it shuffles groups that it is given no order of."""
    file = folder / "tests.yml"
    order = [group["name"] for group in GROUPS]
    file.write_text(
        json.dumps(
            {"rule_files": [str(RULES)], "evaluation_interval": interval, "group_eval_order": order, "tests": tests}
        )
    )
    promtool("test", "rules", file)


def check_an_alert(name: str, case: Case, folder: Path) -> None:
    """The two tests of an alert."""
    interval = f"{case.every}m"
    values = (max(case.after, 60) + 30) // case.every
    fires = {
        "interval": interval,
        "input_series": series(case.fires, values=values),
        "promql_expr_test": [firing(0, set()), firing(case.after, {name})],
    }
    quiet = {
        "interval": interval,
        "input_series": series(case.quiet, values=values),
        "promql_expr_test": [firing(minute, set()) for minute in (0, 10, 20, 30, 60, case.after)],
    }
    checked(interval, [fires, quiet], folder)


def test_the_silence_of_a_small_car_park_shows_after_a_day(tmp_path: Path) -> None:
    """Two uplinks an hour for two days; and nobody is alarmed before the first uplink of a new installation."""
    up, hour = 'messages_received_total{event="up"}', 60
    small = {
        "interval": "1h",
        "input_series": series({up: "0+2x48 96x60"}, values=100),
        "promql_expr_test": [firing(60 * hour, set()), firing(100 * hour, {"ParkingGatewaySilent"})],
    }
    new = {
        "interval": "1h",
        "input_series": series({up: "0x24"}, values=24),
        "promql_expr_test": [firing(hours * hour, set()) for hours in (1, 12, 23)],
    }
    checked("1h", [small, new], tmp_path)


def test_rules_are_valid() -> None:
    promtool("check", "rules", RULES)
    promtool("check", "config", ROOT / "prometheus" / "prometheus.yml")


def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    promtool("check", "metrics", text=generate_latest(metrics_page.filled().registry).decode())


def test_rules_name_metrics_of_the_gateway_only() -> None:
    exposed = {sample.name for family in metrics_page.filled().registry.collect() for sample in family.samples}
    assert USED - exposed == set()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_what_a_person_needs(name: str) -> None:
    """A time to wait, a severity, a sentence, and a section of the page that explains it."""
    rule = ALERTS[name]
    assert re.fullmatch(r"\d+[mhd]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert re.fullmatch(r"[A-Z{].*[^.]\.", rule["annotations"]["summary"])
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == name.lower()
    assert f"\n### {name}\n" in (ROOT / page).read_text()


def test_every_section_of_the_page_is_an_alert() -> None:
    page = (ROOT / "docs" / "how-to" / "prometheus.md").read_text()
    assert set(re.findall(r"^### (.*)$", page, re.MULTILINE)) == ALERTS.keys()


def test_every_alert_has_a_case() -> None:
    assert CASES.keys() == ALERTS.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_only_then(name: str, tmp_path: Path) -> None:
    """Alone, so that one trouble is one alert."""
    check_an_alert(name, CASES[name], tmp_path)
