"""One line when an absence begins, one when it ends, however many tasks notice it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from parking_gateway.broker.reasons import Refusal
from parking_gateway.gateway import pulse
from parking_gateway.process.config import Config, DatabaseConfig
from parking_gateway.process.config.decoders import DecodersConfig
from parking_gateway.process.waits import Backoff, beside
from parking_gateway.store.patience import Patience, TakesNothing
from parking_gateway.store.pool import Pool
from parking_gateway.store.verdicts import Diagnosis, Verdict
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.report import Report

AWAY = Diagnosis(verdict=Verdict.AWAY, message="Connection refused", is_lost=True)
STARTING = Diagnosis(verdict=Verdict.AWAY, message="the database system is starting up", is_lost=True)
FULL = Diagnosis(verdict=Verdict.AWAY, message="no space left", todo="Make room")
FORBIDDEN = Diagnosis(verdict=Verdict.NOT_OURS, message="permission denied", todo="Grant it")


class Clock:
    """Seconds that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(Health(stalled_after=timedelta(seconds=60), seconds=clock))


@pytest.fixture
def report(metrics: Metrics) -> Report:
    return Report(health=metrics.health, metrics=metrics, root="parking/v1", clock=lambda: datetime.now(UTC))


@pytest.fixture
def lines() -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Level, sentence and fields of the lines that an operator sees."""
    found: list[tuple[str, str, dict[str, Any]]] = []

    def take(line: Any) -> None:
        record = line.record
        found.append((record["level"].name, record["message"], record["extra"]))

    sink = logger.add(take, level="INFO")
    yield found
    logger.remove(sink)


Lines = list[tuple[str, str, dict[str, Any]]]


def test_an_outage_of_the_database_is_two_lines(report: Report, clock: Clock, lines: Lines) -> None:
    """Three purposes and a round notice it, each with other words of the server's."""
    report.database_answers("connecting", None)
    for failure in (AWAY, STARTING, AWAY):
        for purpose in ("recording a batch", "reading due rows", "counting what is due"):
            report.database_answers(purpose, failure)
        report.round_failed("silence", failure)
        clock.now += 1
    for purpose in ("reading due rows", "counting what is due", "recording a batch"):
        report.database_answers(purpose, None)
    report.round_failed("silence", None)
    assert [(level, sentence) for level, sentence, _ in lines] == [
        ("WARNING", "The database does not answer; trying again"),
        ("INFO", "The database answers again"),
    ]
    assert lines[0][2] == {"purpose": "recording a batch", "error": "Connection refused"}
    assert lines[1][2] == {"seconds": 3.0}


def test_what_a_person_has_to_do_is_logged_whenever_it_changes(report: Report, lines: Lines) -> None:
    """The server is back with a full disk, and then with other rights."""
    for failure in (AWAY, FULL, AWAY, FULL, FORBIDDEN, FORBIDDEN):
        report.database_answers("recording a batch", failure)
    report.database_answers("recording a batch", None)
    assert [(level, fields.get("todo")) for level, _, fields in lines] == [
        ("WARNING", None),
        ("WARNING", "Make room"),
        ("ERROR", "Grant it"),
        ("INFO", None),
    ]


def test_an_absent_broker_is_two_lines_unless_it_refuses(report: Report, clock: Clock, lines: Lines) -> None:
    report.connected(protocol="5", session_present=False)
    assert "seconds" not in lines.pop()[2]
    for attempt in range(20):
        report.disconnected(f"Connection refused {attempt}", attempt=attempt)
        clock.now += 0.5
    report.disconnected("Not authorized", needs_a_person=True)
    report.disconnected("Not authorized", needs_a_person=True)
    report.connected(protocol="5", session_present=True)
    assert [fields.get("error") for _, _, fields in lines] == ["Connection refused 0", "Not authorized", None]
    assert lines[-1][2]["seconds"] == 10.0


def test_a_problem_begins_and_ends_in_log_health_and_metric(report: Report, clock: Clock, lines: Lines) -> None:
    for _ in range(3):
        report.complain("journal", "The journal is full")
        clock.now += 2
    assert list(report.health.problems.values()) == ["The journal is full"]
    for _ in range(2):
        report.complain("journal", None)
    assert report.health.problems == {}
    assert [(sentence, fields) for _, sentence, fields in lines] == [
        ("The journal is full", {}),
        ("A problem is over", {"about": "journal", "problem": "The journal is full", "seconds": 6.0}),
    ]


def test_a_round_that_a_person_has_to_mend_is_a_problem_of_the_gateway(report: Report, lines: Lines) -> None:
    """The database works otherwise. A lock is logged and is no problem, because it ends by itself."""
    report.database_answers("connecting", None)
    report.round_failed("silence", FORBIDDEN)
    report.round_failed("silence", FORBIDDEN)
    report.round_failed("partitions", FULL)
    assert list(report.health.problems) == ["round silence"]
    report.round_failed("silence", None)
    assert report.health.problems == {}
    assert [sentence for _, sentence, _ in lines] == [
        "A round of the clock failed; trying again",
        "A partition cannot be made now; trying again",
        "A round of the clock succeeds again",
    ]


async def test_a_purpose_whose_time_was_over_fails_until_it_succeeds(pool: Pool) -> None:
    """The journal has the batch, and the drain tries it again. Other work that succeeds meanwhile says nothing about it."""
    answers: dict[str, bool] = {}
    wait = Backoff(shortest=timedelta(milliseconds=1), longest=timedelta(milliseconds=1))
    patience = Patience(
        pool,
        backoff=wait,
        stop=asyncio.Event(),
        report=lambda purpose, failure: answers.update({purpose: failure is None}),
    )

    async def fail() -> None:
        raise TimeoutError

    async def succeed() -> None:
        return None

    with pytest.raises(TakesNothing):
        await patience(fail, purpose="recording a batch", within=0.01, is_repeated=True)
    await patience(succeed, purpose="reading due rows")
    assert answers == {"recording a batch": False, "reading due rows": True}
    await patience(succeed, purpose="recording a batch")
    assert answers["recording a batch"]


def test_what_recurs_is_a_problem_until_it_has_not_happened_for_a_while(
    report: Report, clock: Clock, lines: Lines
) -> None:
    """Dropped messages and refused publications, in health while they happen, and a while after."""
    for _ in range(30):
        report.dropped()
        report.refused([Refusal("parking/v1/spaces/a/b/c", "Not authorized")])
        clock.now += 1
        report.expire()
        assert {"drops", "refused publications", "qos"} <= report.health.problems.keys()
    clock.now += 58
    report.expire()
    assert "drops" in report.health.problems
    for _ in range(100):
        clock.now += 1
        report.expire()
    assert report.health.problems.keys() == {"qos"}  # for a day
    over = [fields for _, sentence, fields in lines if sentence == "A problem is over"]
    assert [(one["about"], one["seconds"]) for one in over] == [("drops", 89.0), ("refused publications", 149.0)]


@pytest.mark.parametrize(
    ("topic", "advice"),
    [
        ("parking/v1/spaces/a/b/c", "publish below parking/v1/"),
        ("application/1/device/a840410000000001/command/down", "publish there"),
        ("homeassistant/device/parking_a_b_c_12345678/config", "publish there"),
        ("parking/v11/replies", "publish there"),
    ],
)
def test_a_refusal_names_the_topics_that_the_acl_has_to_allow(report: Report, topic: str, advice: str) -> None:
    """Outside the root, no subscriber sees a state of the car park."""
    report.refused([Refusal(topic, "Not authorized")])
    problem = report.health.problems["refused publications"]
    assert topic in problem
    assert problem.endswith(f"let its ACL allow the gateway to {advice}")
    assert ("old state" in problem) is topic.startswith("parking/v1/")


def test_healed_topics_are_counted(report: Report, metrics: Metrics) -> None:
    report.healed(published_again=3, cleared=2)
    report.healed(published_again=1, cleared=0)
    samples = {one.name: one.value for family in metrics.registry.collect() for one in family.samples}
    assert samples["parking_gateway_retained_published_again_total"] == 4
    assert samples["parking_gateway_retained_cleared_total"] == 2


async def test_a_directory_that_is_mounted_later_is_a_problem_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_FILES_INTERVAL", 0.01)
    folder = tmp_path / "mounted later"
    config = Config(decoders=DecodersConfig(folder=folder), database=DatabaseConfig(url="postgresql://a/b"))
    complaints: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

    def complain(about: str, sentence: str | None) -> None:
        complaints.put_nowait((about, sentence))

    async with asyncio.timeout(10), beside(pulse.watch_files(config, complain=complain)):
        about, sentence = await complaints.get()
        assert "make or mount it" in str(sentence)
        folder.mkdir()
        (folder / "codec.py").touch()
        while sentence is not None:
            about, sentence = await complaints.get()
    assert about == "decoders.folder"
