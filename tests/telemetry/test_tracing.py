"""Traces of uplinks: what a collector receives, and that it cannot hurt."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from parking_gateway.core.committed import Committed
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.due import DueSpace
from parking_gateway.core.events import DeadLetter, DevEui, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId, SpaceState, Transition
from parking_gateway.process import wall_clock
from parking_gateway.process.config import Config
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.exporting import Exporting
from parking_gateway.telemetry.report import Report
from parking_gateway.telemetry.tracing import Tracing
from tests import due
from tests.plugins.collector import Collector, attributes_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCH = NOON + timedelta(seconds=1)
DEVICE = DevEui("a84041000181c061")
SPACE = SpaceId(7)
UNDECODABLE = Rejection(reason=Reason.UNDECODABLE, detail="It has 3 bytes.")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = BATCH + timedelta(milliseconds=20)

    def __call__(self) -> datetime:
        """Return the present time."""
        return self.now


def uplink(cause: UUID | None = None) -> Uplink:
    return Uplink(cause or uuid4(), DeviceIdentity(dev_eui=DEVICE), NOON, NOON, BATCH, 42, 1, b"\x01")


def committed(*uplinks: Uplink, is_changed: bool = True, rejection: Rejection | None = None, **more: Any) -> Committed:
    """A batch that took 10 ms: 5 for the locks, 2 to decide and 3 to write."""
    return Committed(
        recorded=[*uplinks],
        readings=[DeviceReading(one, codec="bosch_tps110_v029", rejection=rejection) for one in uplinks],
        watched={DEVICE: [Installation(dev_eui=DEVICE, space=SPACE)]},
        changed=[SPACE] if is_changed else [],
        received=Counter(up=len(uplinks)),
        seconds=0.010,
        decide_seconds=0.002,
        write_seconds=0.003,
        at=BATCH,
        **more,
    )


def published(at: datetime = BATCH) -> DueSpace:
    return msgspec.structs.replace(due.SPACE, key=SPACE, version=3, published_version=2, updated_at=at)


def step(cause: UUID) -> Transition:
    return Transition(space=SPACE, before=SpaceState.FREE, after=SpaceState.OCCUPIED, at=NOON, cause=str(cause))


@asynccontextmanager
async def tracing(url: str, clock: Clock, **settings: Any) -> AsyncIterator[Tracing]:
    """Traces on their way to this address, until all of them are there."""
    made = exporting(url, clock, report=_nobody, **settings)
    yield made.tracing
    await made.close()


def exporting(url: str, clock: Clock, *, report: Callable[[str | None], None], **settings: Any) -> Exporting:
    config = Config(tracing={"endpoint": url, "ratio": 1, **settings}).tracing
    return Exporting(config, instance="garage", report=report, clock=clock)


def _nobody(_: str | None) -> None:
    pytest.fail("no export fails here")


def seconds(span: Span) -> tuple[float, float]:
    """Begin and end after the receipt of the batch."""
    zero = int(BATCH.timestamp()) * 10**9
    return (span.start_time_unix_nano - zero) / 1e9, (span.end_time_unix_nano - zero) / 1e9


# A trace


async def test_an_uplink_is_a_trace_from_its_receipt_to_its_publication(collector: Collector) -> None:
    clock, cause = Clock(), uuid4()
    async with tracing(collector.url, clock) as traces:
        traces.committed(committed(uplink(cause), steps=[step(cause)]))
        clock.now += timedelta(milliseconds=5)
        traces.published([published()], [])
    spans = {span.name: span for span in collector.spans if span.trace_id == cause.bytes}
    assert {name: seconds(span) for name, span in spans.items()} == {
        "uplink": (0, 0.025),
        "receive": (0, 0.010),
        "record": (0.010, 0.020),
        "decode": (0.015, 0.017),
        "publish": (0.020, 0.025),
    }
    parents = {name: span.parent_span_id for name, span in spans.items()}
    root, record = spans["uplink"].span_id, spans["record"].span_id
    assert parents == {"uplink": b"", "receive": root, "record": root, "decode": record, "publish": root}
    assert (spans["uplink"].kind, spans["publish"].kind) == (Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_PRODUCER)
    assert attributes_of(spans["uplink"]) == {
        "parking.deduplication_id": str(cause),
        "parking.dev_eui": DEVICE,
        "parking.codec": "bosch_tps110_v029",
        "parking.space_id": [SPACE],
        "parking.space": "central/level-1/A-012",
        "parking.heard_at": NOON.isoformat(),
        "parking.f_cnt": 42,
        "parking.transition": ["FREE → OCCUPIED"],
    }
    assert attributes_of(spans["publish"]) == {"parking.space": "central/level-1/A-012", "parking.version": 3}
    assert collector.resource.items() >= {("service.name", "parking-gateway"), ("service.instance.id", "garage")}


async def test_the_spans_of_a_batch_and_of_its_uplinks_link_to_each_other(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink(), uplink(), is_changed=False))
    (batch,) = collector.named("batch")
    assert batch.parent_span_id == b""
    assert {link.span_id for link in batch.links} == {span.span_id for span in collector.named("uplink")}
    linked = [(link.trace_id, link.span_id) for span in collector.named("record") for link in span.links]
    assert linked == [(batch.trace_id, batch.span_id)] * 2
    assert attributes_of(batch).items() >= {("parking.messages", 2), ("parking.recorded", 2), ("parking.rejected", 0)}


async def test_a_batch_of_a_backlog_has_no_more_traces_than_are_made_at_once(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(*(uplink() for _ in range(250)), is_changed=False))
    assert len(collector.named("uplink")) == 200


async def test_an_uplink_that_changes_nothing_ends_with_its_commit(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink(), is_changed=False))
    assert Counter(span.name for span in collector.spans) == dict.fromkeys(
        ("batch", "uplink", "receive", "record", "decode"), 1
    )
    assert [seconds(span)[1] for span in collector.named("uplink")] == [0.020]


async def test_a_frame_that_no_codec_reads_is_an_error(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink(), is_changed=False, rejection=UNDECODABLE))
    failed = {
        span.name: span.status.message for span in collector.spans if span.status.code == Status.STATUS_CODE_ERROR
    }
    assert failed == dict.fromkeys(("uplink", "decode"), "undecodable: It has 3 bytes.")


async def test_a_message_that_cannot_be_read_is_a_span_with_the_reason(collector: Collector) -> None:
    letter = DeadLetter(
        rejection=Rejection(reason=Reason.MALFORMED, detail="It is no JSON."),
        topic="application/a/device/b/event/up",
        payload=b"{",
        received_at=BATCH,
        is_redelivered=False,
    )
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(rejected=[letter]))
    (span,) = collector.named("rejected message")
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "malformed: It is no JSON.")
    assert attributes_of(span)["parking.topic"] == "application/a/device/b/event/up"


async def test_failed_attempts_are_events_of_the_batch(collector: Collector) -> None:
    clock = Clock()
    async with tracing(collector.url, clock) as traces:
        traces.failed("the batch before")
        clock.now += timedelta(seconds=1)
        traces.failed("canceling statement due to lock timeout")
        traces.committed(committed(uplink(), is_changed=False))
    (batch,) = collector.named("batch")
    (event,) = batch.events
    assert event.attributes[0].value.string_value == "canceling statement due to lock timeout"


# Publication


async def test_a_row_that_was_read_before_the_commit_does_not_end_the_trace(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink()))
        traces.published([published(at=BATCH - timedelta(milliseconds=1))], [])
        traces.published([published()], [])
        traces.published([published()], [])
    (publish,) = collector.named("publish")
    assert publish.status.code == Status.STATUS_CODE_OK
    assert [*publish.events] == []


async def test_a_refused_publication_is_tried_again(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink()))
        traces.published([], [published()])
        traces.published([published()], [])
    (publish,) = collector.named("publish")
    assert [event.name for event in publish.events] == ["refused"]
    assert publish.status.code == Status.STATUS_CODE_OK


async def test_a_publication_that_is_refused_to_the_end_is_an_error(collector: Collector) -> None:
    async with tracing(collector.url, Clock()) as traces:
        traces.committed(committed(uplink()))
        traces.published([], [published()])
    (publish,) = collector.named("publish")
    assert publish.status.code == Status.STATUS_CODE_ERROR
    assert [event.name for event in publish.events] == ["refused", "The gateway ended before the broker confirmed it"]


async def test_a_trace_ends_after_a_minute_without_a_confirmation(collector: Collector) -> None:
    clock = Clock()
    async with tracing(collector.url, clock, interval=0.01) as traces:
        traces.committed(committed(uplink(), is_changed=True))
        clock.now += timedelta(seconds=61)
        traces.committed(committed(uplink(), is_changed=False))
        await asyncio.to_thread(collector.wait_for, "publish", 1)
    (publish,) = collector.named("publish")
    assert publish.events[0].name.startswith("No confirmation came within a minute")


# Sampling


async def test_a_part_of_the_uplinks_is_traced_and_every_gateway_chooses_the_same(collector: Collector) -> None:
    uplinks = [uplink() for _ in range(2000)]
    for _ in range(2):
        async with tracing(collector.url, Clock(), ratio=0.1, queue=100_000) as traces:
            for one in uplinks:
                traces.committed(committed(one, is_changed=False))
    chosen = Counter(span.trace_id for span in collector.named("uplink"))
    assert 100 < len(chosen) < 320
    assert set(chosen.values()) == {2}


async def test_with_a_ratio_of_0_nothing_is_traced(collector: Collector) -> None:
    async with tracing(collector.url, Clock(), ratio=0) as traces:
        traces.committed(committed(uplink(), rejected=[]))
    assert collector.spans == []


def test_without_traces_a_commit_runs_the_same_lines_for_one_uplink_as_for_a_thousand() -> None:
    health = Health(
        stalled_after=timedelta(minutes=2),
        overdue_after=timedelta(seconds=30),
        alive=lambda: None,
        seconds=time.monotonic,
        clock=wall_clock.utc,
    )
    report = Report(health=health, metrics=Metrics(health, zones=0), root="parking/v1", clock=wall_clock.utc)
    one, many = committed(uplink()), committed(*(uplink() for _ in range(1000)))
    assert lines_of(report.committed, one) == lines_of(report.committed, many)


def lines_of(function: Callable[[Committed], None], argument: Committed) -> list[int]:
    """The lines of this function that are run, without those of other functions."""
    found: list[int] = []

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            found.append(frame.f_lineno)
        return trace if frame.f_code is function.__code__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(argument)
    finally:
        sys.settrace(before)
    return found


# The way to the collector


async def test_requests_have_the_headers_of_the_configuration(collector: Collector) -> None:
    async with tracing(collector.url, Clock(), headers={"authorization": "Bearer secret"}) as traces:
        traces.committed(committed(uplink()))
    assert {headers["authorization"] for headers, _ in collector.server.requests} == {"Bearer secret"}


async def test_a_collector_that_is_away_is_reported_until_it_is_back(collector: Collector) -> None:
    reported: asyncio.Queue[str | None] = asyncio.Queue()
    collector.server.answers.append((400, {}))
    made = exporting(collector.url, Clock(), report=reported.put_nowait, interval=0.01)
    made.tracing.committed(committed(uplink(), is_changed=False))
    async with asyncio.timeout(30):
        assert "400" in str(await reported.get())
        made.tracing.committed(committed(uplink(), is_changed=False))
        assert await reported.get() is None
    await made.close()
    assert len(collector.named("uplink")) == 2, "the first ones were refused, and received"
    assert reported.empty()


async def test_spans_beyond_the_queue_are_dropped_and_the_end_waits_for_no_collector(collector: Collector) -> None:
    collector.server.is_open.clear()
    failures: list[str | None] = []
    made = exporting(collector.url, Clock(), report=failures.append, queue=512, interval=60)
    for _ in range(100):
        made.tracing.committed(committed(*(uplink() for _ in range(20)), is_changed=False))
    began = time.monotonic()
    await made.close()
    assert time.monotonic() - began < 10
    collector.server.is_open.set()
    assert 0 < len(collector.spans) <= 3 * 512


async def test_an_address_where_nobody_listens_costs_the_end_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parking_gateway.telemetry.exporting._LAST", 3600)
    failed = asyncio.Event()
    made = exporting(
        f"http://{LOCALHOST}:{free_port()}", Clock(), report=lambda _: failed.set(), interval=0.01, timeout=0.1
    )
    made.tracing.committed(committed(uplink(), is_changed=False))
    async with asyncio.timeout(30):
        await failed.wait()
        await made.close()


# The configuration


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("https://otel.example.org/", "https://otel.example.org/v1/traces"),
        ("https://otel.example.org/tenant/v1/traces", "https://otel.example.org/tenant/v1/traces"),
        ("", None),
    ],
)
def test_the_path_of_the_endpoint_can_be_left_out(given: str, used: str | None) -> None:
    assert Config(tracing={"endpoint": given}).tracing.endpoint == used


@pytest.mark.parametrize(
    "section",
    [
        {"endpoint": "localhost:4318"},
        {"endpoint": "grpc://localhost:4317"},
        {"endpoint": "http://name:password@localhost:4318"},
        {"headers": {"authorization": "line\nbreak"}},
        {"ratio": 1.5},
        {"queue": 10},
    ],
)
def test_a_wrong_section_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="tracing"):
        Config(tracing=section)
