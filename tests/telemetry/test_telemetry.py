"""Lines of log for machines and people, metrics that add up, and a true health."""

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from parking_gateway import __version__
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueCounts
from parking_gateway.core.events import DeadLetter, DevEui, DeviceIdentity, EventKind, Reason, Rejection, Uplink
from parking_gateway.core.seldom import Seldom
from parking_gateway.core.space import Contact, SpaceId, SpaceState, Transition
from parking_gateway.telemetry import Health, Metrics, Totals

# Logs


def printed_by(code: str, *, level: str = "INFO", log_format: str = "json") -> str:
    """The output of a process that sets up the log and runs the code."""
    program = f"""
import logging
from loguru import logger
from parking_gateway.telemetry import set_up_logging
set_up_logging({level!r}, {log_format!r})
{textwrap.dedent(code)}
"""
    environment = os.environ | {"PYTHONUTF8": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8", env=environment
    )
    assert result.stderr == ""
    return result.stdout


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_line_is_one_json_object_with_its_fields_flat() -> None:
    """Time in UTC, level and message come first. Bound fields of any type follow, and cannot replace them."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    (line,) = lines_of(
        printed_by("""
        from uuid import UUID
        bound = logger.bind(deduplication_id=UUID(int=1), topic="a/ü\\n{x}", time="then", count=3, what={1, })
        bound.info("A space changed its state {literally}")
        """)
    )
    assert list(line) == ["time", "level", "message", "deduplication_id", "topic", "count", "what"]
    assert before < datetime.fromisoformat(line["time"]) < datetime.now(UTC) + timedelta(seconds=1)
    assert line["time"].endswith("Z")
    assert line["level"] == "INFO"
    assert line["message"] == "A space changed its state {literally}"
    assert line["deduplication_id"] == "00000000-0000-0000-0000-000000000001"
    assert line["topic"] == "a/ü\n{x}"
    assert line["count"] == 3


def test_an_exception_stays_on_its_line_and_shows_no_variables() -> None:
    """Variables may hold secrets."""
    (line,) = lines_of(
        printed_by("""
        def connect(password):
            raise ValueError("refused")
        try:
            connect("hunter" + str(2))
        except ValueError:
            logger.exception("The broker refused us")
        """)
    )
    assert "ValueError: refused" in line["exception"]
    assert "Traceback" in line["exception"]
    assert "hunter2" not in json.dumps(line)


def test_the_libraries_log_through_us() -> None:
    """With the name of their logger, from WARNING on, because below it they log a line for every packet."""
    code = """
        logging.getLogger("mqtt").info("packet %s", 1)
        logging.getLogger("mqtt").warning("failed {%s}", 1)
        logging.getLogger("alembic").log(35, "between")
        """
    for level in ("DEBUG", "INFO"):
        lines = lines_of(printed_by(code, level=level))
        assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
            ("WARNING", "mqtt", "failed {1}"),
            ("Level 35", "alembic", "between"),
        ]
    assert [line["level"] for line in lines_of(printed_by(code, level="TRACE"))] == ["INFO", "WARNING", "Level 35"]
    assert lines_of(printed_by(code, level="ERROR")) == []


def test_a_level_silences_what_is_below_it() -> None:
    assert lines_of(printed_by('logger.info("quiet"); logger.debug("quieter")', level="WARNING")) == []


def test_text_is_for_people() -> None:
    output = printed_by('logger.bind(space="A-012", odd="{y}").warning("Its {sensor} is lost")', log_format="text")
    assert output.rstrip().endswith("WARNING Its {sensor} is lost space=A-012 odd={y}")
    assert output.count("\n") == 1


# Metrics


def health(**times: Any) -> Health:
    return Health(stalled_after=timedelta(seconds=60), **times)


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample as Prometheus reads it, by its name and labels."""
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
UPLINK = Uplink(
    deduplication_id=UUID(int=1),
    device=DeviceIdentity(dev_eui=DevEui("00" * 8)),
    time=NOON,
    heard_at=NOON,
    received_at=NOON,
    f_cnt=0,
    f_port=1,
    data=b"",
)
_LETTER = DeadLetter(
    rejection=Rejection(reason=Reason.MALFORMED, detail="no"),
    topic="x",
    payload=b"",
    received_at=NOON,
    is_redelivered=False,
)
_STEP = Transition(space=SpaceId(1), before=SpaceState.FREE, after=SpaceState.OCCUPIED, at=NOON, cause="x")
BATCH = Committed(
    received=Counter({"up": 7, "join": 1, "made-up": 2, "unknown": 1}),
    rejected=[_LETTER] * 2,
    recorded=[UPLINK] * 4,
    duplicates=1,
    steps=[_STEP] * 3,
    seconds=0.03,
)


def test_a_batch_is_counted_once() -> None:
    metrics = Metrics(health())
    metrics.count_committed(BATCH, 1.5)
    counted = {name: value for name, value in samples(metrics).items() if value > 0 and not name.startswith("process_")}
    prefix = "parking_gateway_"
    assert {name: value for name, value in counted.items() if "bucket" not in name} == {
        f"{prefix}messages_received_total event=up": 7,
        f"{prefix}messages_received_total event=join": 1,
        f"{prefix}messages_received_total event=unknown": 3,
        f"{prefix}rejections_total reason=malformed": 2,
        f"{prefix}uplinks_recorded_total": 4,
        f"{prefix}duplicates_total": 1,
        f"{prefix}transitions_total from=FREE to=OCCUPIED": 3,
        f"{prefix}batch_messages_count": 1,
        f"{prefix}batch_messages_sum": 11,
        f"{prefix}batch_seconds_count": 1,
        f"{prefix}batch_seconds_sum": 0.03,
        f"{prefix}uplink_lag_seconds_count": 1,
        f"{prefix}uplink_lag_seconds_sum": 1.5,
        f"{prefix}build_info version={__version__}": 1,
    }


def test_totals_are_what_was_counted() -> None:
    metrics = Metrics(health())
    metrics.count_committed(BATCH, 1.5)
    metrics.count_committed(BATCH, 1.5)
    metrics.published.inc(5)
    assert metrics.totals() == Totals(recorded=8, duplicates=2, rejected=4, transitions=6, published=5)


def test_a_commit_of_the_clock_counts_its_steps_and_no_batch() -> None:
    metrics = Metrics(health())
    metrics.count_committed(Committed(steps=[_STEP]))
    found = samples(metrics)
    assert found["parking_gateway_transitions_total from=FREE to=OCCUPIED"] == 1
    assert found["parking_gateway_batch_messages_count"] == 0


def test_a_batch_without_uplinks_has_no_lag() -> None:
    metrics = Metrics(health())
    metrics.count_committed(Committed(received=Counter(join=1)))
    assert samples(metrics)["parking_gateway_uplink_lag_seconds_count"] == 0


def test_every_series_is_there_before_its_first_event() -> None:
    found = samples(Metrics(health()))
    for event in ("up", *EventKind, "unknown"):
        assert found[f"parking_gateway_messages_received_total event={event}"] == 0
    for reason in Reason:
        assert found[f"parking_gateway_rejections_total reason={reason}"] == 0
    assert found["parking_gateway_transitions_total from=RESERVED to=OCCUPIED"] == 0


def zone(name: str, *, free: int, occupied: int = 0) -> DueCounts:
    return DueCounts(
        key=1,
        version=1,
        published_version=1,
        site="central",
        zone=name,
        total=free + occupied,
        free=free,
        occupied=occupied,
        reserved=0,
        maintenance=0,
        unreachable=1,
    )


def places(metrics: Metrics) -> dict[str, float]:
    """The samples of spaces that are not 0."""
    names = ("parking_gateway_spaces", "parking_gateway_zone")
    return {name: value for name, value in samples(metrics).items() if value and name.startswith(names)}


def test_spaces_have_no_number_before_they_are_counted() -> None:
    """A 0 would look like a full car park."""
    metrics = Metrics(health(), zones=1)
    metrics.count_committed(BATCH)
    assert not [name for name in samples(metrics) if "space" in name or "zone" in name]


def test_each_zone_has_series_up_to_the_limit_and_the_sums_have_all() -> None:
    metrics = Metrics(health(), zones=2)
    metrics.count_committed(Committed(zones=[zone("a", free=1, occupied=2), zone('"b"', free=3), zone("c", free=10)]))
    prefix = "parking_gateway_zone_spaces site=central state="
    assert places(metrics) == {
        "parking_gateway_spaces state=FREE": 14,
        "parking_gateway_spaces state=OCCUPIED": 2,
        "parking_gateway_spaces_unreachable": 3,
        f"{prefix}FREE zone=a": 1,
        f"{prefix}OCCUPIED zone=a": 2,
        f'{prefix}FREE zone="b"': 3,
        "parking_gateway_zones_left_out": 1,
    }


def test_devices_are_counted_by_contact() -> None:
    metrics = Metrics(health())
    metrics.count_committed(Committed(device_contacts={Contact.LIVE: 5, Contact.LOST: 1}))
    metrics.count_committed(BATCH)
    assert samples(metrics)["parking_gateway_devices_by_contact contact=live"] == 5
    assert samples(metrics)["parking_gateway_devices_by_contact contact=lost"] == 1


def test_a_removed_zone_has_no_series_any_more() -> None:
    metrics = Metrics(health(), zones=2)
    metrics.count_committed(Committed(zones=[zone("a", free=1), zone("b", free=2)]))
    metrics.count_committed(Committed(zones=[zone("b", free=2)]))
    assert not [name for name in samples(metrics) if "zone=a" in name]
    metrics.count_committed(BATCH)
    assert places(metrics)["parking_gateway_zone_spaces site=central state=FREE zone=b"] == 2


@given(st.dictionaries(st.text(), st.integers(0, 5)))
def test_no_topic_can_make_a_new_series(received: dict[str, int]) -> None:
    """Whatever events are named in topics, the series stay as many as they were."""
    metrics = Metrics(health())
    before = samples(metrics).keys()
    metrics.count_committed(Committed(received=Counter(received)))
    assert samples(metrics).keys() == before


def test_gauges_show_what_health_holds() -> None:
    now = 0.0
    well = health(seconds=lambda: now)
    metrics = Metrics(well)
    names = ("broker_up", "database_up", "stalled_tasks")
    assert [samples(metrics)[f"parking_gateway_{name}"] for name in names] == [0, 0, 0]
    well.is_broker_up = well.is_database_up = True
    now = 100.0
    assert [samples(metrics)[f"parking_gateway_{name}"] for name in names] == [1, 1, 1]


def test_the_process_is_measured() -> None:
    assert samples(Metrics(health()))["process_resident_memory_bytes"] > 1_000_000


# Health


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


def test_a_silent_task_stalls_however_lively_the_others_are() -> None:
    clock = Clock()
    well = health(seconds=clock)
    well.progress("intake")
    for clock.now in (20.0, 40.0, 60.0):
        well.progress("patrol")
    assert well.stalled() == []
    clock.now = 61.0
    well.progress("patrol")
    assert well.stalled() == ["intake"]
    well.progress("intake")
    assert well.stalled() == []


def test_a_task_that_ended_owes_nothing() -> None:
    clock = Clock()
    well = health(seconds=clock)
    well.progress("outbox")
    well.ended("outbox")
    clock.now = 1000.0
    assert well.stalled() == []


def test_waiting_for_a_neighbour_is_not_stalling() -> None:
    """Each attempt feeds the watchdog and counts as progress of every task, also before the first progress."""
    clock = Clock()
    fed: list[float] = []
    well = health(seconds=clock, alive=lambda: fed.append(clock.now))
    for clock.now in (50.0, 100.0):
        well.retried()
        assert well.stalled() == []
    well.progress("intake")
    clock.now = 150.0
    well.retried()
    clock.now = 210.0
    assert well.stalled() == []
    clock.now = 211.0
    assert well.stalled() == ["intake"]
    well.ended("intake")
    well.retried()
    assert fed == [50, 100, 100, 150, 211]


def test_a_start_has_to_end() -> None:
    """Until the first task reports, the start has to. It may report progress while it waits for others."""
    clock = Clock()
    well = health(seconds=clock)
    clock.now = 50.0
    well.progress("start")
    clock.now = 110.0
    assert well.stalled() == []
    clock.now = 111.0
    assert well.stalled() == ["start"]
    well.progress("intake")
    assert well.stalled() == []


def test_only_a_healthy_gateway_feeds_the_watchdog() -> None:
    """Once a task has stalled, progress of another does not feed it."""
    clock = Clock()
    fed: list[float] = []
    well = health(seconds=clock, alive=lambda: fed.append(clock.now))
    well.progress("intake")
    well.progress("patrol")
    for clock.now in (30.0, 60.0, 90.0, 120.0):
        well.progress("patrol")
    assert fed == [0, 0, 30, 60]


@pytest.mark.parametrize(
    ("is_broker_up", "is_database_up", "missing"),
    [
        (False, False, ["broker", "database"]),
        (True, False, ["database"]),
        (False, True, ["broker"]),
        (True, True, []),
    ],
)
def test_who_is_missing(*, is_broker_up: bool, is_database_up: bool, missing: list[str]) -> None:
    well = health()
    well.is_broker_up, well.is_database_up = is_broker_up, is_database_up
    assert well.missing() == missing


def test_the_database_is_up_while_none_of_its_purposes_fails() -> None:
    """Whatever else succeeds meanwhile. The reason and the time are kept."""
    well = health()
    well.database_answered("reading", None)
    up_since = well.database_since
    well.database_answered("recording", "lock timeout")
    down_since = well.database_since
    well.database_answered("reading", None)
    assert not well.is_database_up
    assert well.why() == ["database: recording: lock timeout"]
    assert well.database_since == down_since
    well.database_answered("recording", None)
    assert (well.is_database_up, well.why()) == (True, [])
    times = [up_since, down_since, well.database_since]
    assert times == sorted(time for time in times if time is not None)


def test_an_event_that_waits_for_too_long_is_an_intake_that_is_missing() -> None:
    clock = Clock()
    well = health(seconds=clock, overdue_after=timedelta(seconds=5))
    well.database_answered("reading", None)
    well.broker_connected(lambda: 10.0)
    clock.now = 15.0
    assert (well.missing(), well.oldest_event_age(), well.status_line()) == ([], 5.0, "Ready")
    clock.now = 16.0
    assert well.missing() == ["intake"]
    assert well.status_line() == "Not ready, intake missing; intake: an event has waited for 6 s to be recorded"
    well.broker_lost("Connection refused")
    assert (well.missing(), well.oldest_event_age()) == (["broker"], 0.0)
    assert well.status_line() == "Not ready, broker missing; broker: Connection refused"


def test_every_change_that_is_worth_saying_changes_the_state() -> None:
    well = health()
    changes: list[Callable[[], None]] = [
        lambda: well.broker_connected(lambda: None),
        lambda: well.database_answered("reading", None),
        lambda: well.problems.update(qos="Events come at QoS 0"),
        lambda: well.database_answered("reading", "away"),
        lambda: well.broker_lost(None),
    ]
    for change in changes:
        before = well.state()
        change()
        assert well.state() != before


# Once an hour


def test_a_key_is_due_once_an_hour() -> None:
    hourly = Seldom(3600)
    assert [hourly.is_due("a", now=now) for now in (0.0, 1.0, 3599.0, 3600.0, 3601.0)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert hourly.is_due("b", now=3601.0)


def test_of_any_number_of_keys_a_thousand_are_due_and_remembered() -> None:
    """A publisher can invent any number of LoRaWAN gateways."""
    hourly = Seldom(3600)
    assert sum(hourly.is_due(str(number), now=number / 1000) for number in range(100_000)) == 1000
    assert not hourly.is_due("another", now=100.0)
    assert hourly.is_due("another", now=4000.0)
