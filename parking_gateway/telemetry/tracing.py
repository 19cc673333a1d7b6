"""Traces of sampled uplinks, from their receipt to their publication. Only this module and `exporting` use OpenTelemetry.

Nothing measures along the way of an uplink. A trace is made after the commit, of the times in `Committed`, and ends when the broker
has confirmed the space. The id of a trace is the deduplication id of its uplink.
"""

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zlib import crc32

import msgspec
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import Attributes

from parking_gateway.core.committed import Committed
from parking_gateway.core.device import DeviceReading
from parking_gateway.core.due import Due, DueSpace
from parking_gateway.core.events import DeadLetter, Rejection
from parking_gateway.core.space import SpaceId
from parking_gateway.process.wall_clock import WallClock

_BITS: Final = 56
"""The last bits of a trace id are random in a UUID, and decide about its sampling, as OpenTelemetry has it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_WAITING: Final = 10_000
"""Spaces whose publication is awaited."""
_MOST_OF_A_BATCH: Final = 200
"""Uplinks of one transaction that are traced. Their spans hold the event loop for 40 ms."""
_FAILURES: Final = 20
"""Failed attempts that are remembered."""
_AWAITED: Final = timedelta(minutes=1)
"""After this time, the trace of an uplink ends without a confirmation."""
_NOT_SEEN: Final = "No confirmation came within a minute: the broker is away, or another gateway has published it"
_ENDED: Final = "The gateway ended before the broker confirmed it"


class TraceIds(RandomIdGenerator):
    """Random ids, unless the id of the next trace is set."""

    next_trace: int = 0

    def generate_trace_id(self) -> int:
        """Called by the SDK for a span without a parent."""
        given, self.next_trace = self.next_trace, 0
        return given or super().generate_trace_id()


class _Window(NamedTuple):
    """When a batch was recorded, in nanoseconds since 1970."""

    began: int
    decided_from: int
    decided_at: int
    committed: int


class _Awaited(msgspec.Struct, frozen=True):
    """An uplink whose space is not published yet."""

    uplink: Span
    publish: Span
    at: datetime
    """When its space changed, as the row of the space has it."""
    since: datetime


class Tracing:
    """Makes spans of what was committed and published."""

    def __init__(self, tracer: Tracer, ids: TraceIds, *, ratio: float, clock: WallClock) -> None:
        """`ratio`: of the uplinks that are traced, 0 to 1."""
        self._tracer = tracer
        self._ids = ids
        self._ratio = ratio
        self._below = round(ratio * 2**_BITS)
        self._clock = clock
        self._awaited: dict[SpaceId, list[_Awaited]] = {}
        self._failures: deque[tuple[int, str]] = deque(maxlen=_FAILURES)

    def failed(self, error: str) -> None:
        """An attempt to record a batch failed. It becomes an event of the batch that is recorded in the end."""
        self._failures.append((_nanoseconds(self._clock()), error))

    def committed(self, committed: Committed) -> None:
        """A transaction is committed. Those without uplinks and rejections have no trace."""
        below, mask = self._below, 2**_BITS - 1
        sampled = [one for one in committed.readings if one.uplink.deduplication_id.int & mask < below]
        letters = [one for one in committed.rejected if self._is_sampled(one)] if committed.rejected else []
        if not sampled and not letters:
            return
        sampled, letters = sampled[:_MOST_OF_A_BATCH], letters[:_MOST_OF_A_BATCH]
        now = self._clock()
        self._give_up(since=now - _AWAITED)
        window = _window(committed, now)
        batch = self._batch(committed, window)
        for one in sampled:
            self._uplink(one, committed, window, batch, now)
        read = {one.uplink.deduplication_id for one in sampled}
        for letter in letters:
            if letter.deduplication_id not in read:
                self._rejected(letter, window, batch)
        batch.end(window.committed)

    def published(self, rows: Iterable[Due], refused: Iterable[Due]) -> None:
        """The broker has confirmed these rows, and refused the others."""
        if not self._awaited:
            return
        now = _nanoseconds(self._clock())
        for row in rows:
            if isinstance(row, DueSpace) and row.key in self._awaited:
                self._confirmed(row, now)
        for row in refused:
            if isinstance(row, DueSpace):
                for one in self._awaited.get(row.key, ()):
                    one.publish.add_event("refused", timestamp=now)
                    one.publish.set_status(Status(StatusCode.ERROR, "The broker refuses it; it is tried again"))

    def close(self) -> None:
        """End what is not published yet."""
        for space in [*self._awaited]:
            self._end(space, _ENDED)

    def _is_sampled(self, letter: DeadLetter) -> bool:
        """By the uplink, or by the payload of a message that could not be read so far."""
        if letter.deduplication_id is None:
            return crc32(letter.payload) < self._ratio * 2**32
        return bool(letter.deduplication_id.int & (2**_BITS - 1) < self._below)

    def _batch(self, committed: Committed, window: _Window) -> Span:
        """The transaction that all of them are recorded in: a trace of its own, because it belongs to no single uplink."""
        attributes: Attributes = {
            "parking.messages": committed.received.total(),
            "parking.recorded": len(committed.recorded),
            "parking.duplicates": committed.duplicates,
            "parking.rejected": len(committed.rejected),
            "parking.transitions": len(committed.steps),
        }
        span = self._tracer.start_span("batch", Context(), attributes=attributes, start_time=window.began)
        for at, error in self._failures:
            if at >= window.began:
                span.add_event("attempt failed", {"error": error}, timestamp=at)
        return span

    def _uplink(self, one: DeviceReading, committed: Committed, window: _Window, batch: Span, now: datetime) -> None:
        uplink, cause = one.uplink, str(one.uplink.deduplication_id)
        spaces = committed.watched.get(uplink.device.dev_eui, ())
        received = min(_nanoseconds(uplink.received_at), window.began)
        attributes: Attributes = {
            "parking.deduplication_id": cause,
            "parking.dev_eui": uplink.device.dev_eui,
            "parking.codec": one.codec or "",
            "parking.space_id": [space.space for space in spaces],
            "parking.heard_at": uplink.heard_at.isoformat(),
            "parking.f_cnt": uplink.f_cnt,
            "parking.transition": [f"{step.before} → {step.after}" for step in committed.steps if step.cause == cause],
        }
        self._ids.next_trace = uplink.deduplication_id.int
        root = self._tracer.start_span("uplink", Context(), SpanKind.CONSUMER, attributes, start_time=received)
        within = set_span_in_context(root, Context())
        self._tracer.start_span("receive", within, start_time=received).end(window.began)
        record = self._tracer.start_span(
            "record", within, links=[Link(batch.get_span_context())], start_time=window.began
        )
        batch.add_link(root.get_span_context())
        decode = self._tracer.start_span("decode", set_span_in_context(record, within), start_time=window.decided_from)
        if one.codec:
            decode.set_attribute("parking.codec", one.codec)
        if one.rejection is not None:
            for span in (decode, root):
                span.set_status(_error(one.rejection))
        decode.end(window.decided_at)
        record.end(window.committed)
        changed = [space.space for space in spaces if space.space in committed.changed]
        if not changed or committed.at is None:
            root.end(window.committed)
            return
        publish = self._tracer.start_span("publish", within, SpanKind.PRODUCER, start_time=window.committed)
        self._await(changed[0], _Awaited(root, publish, at=committed.at, since=now))

    def _rejected(self, letter: DeadLetter, window: _Window, batch: Span) -> None:
        attributes = {
            "parking.topic": letter.topic,
            "parking.reason": letter.rejection.reason,
            "parking.dev_eui": letter.dev_eui or "",
            "parking.deduplication_id": str(letter.deduplication_id or ""),
        }
        received = min(_nanoseconds(letter.received_at), window.began)
        self._ids.next_trace = letter.deduplication_id.int if letter.deduplication_id else 0
        span = self._tracer.start_span("rejected message", Context(), attributes=attributes, start_time=received)
        span.add_link(batch.get_span_context())
        span.set_status(_error(letter.rejection))
        batch.add_link(span.get_span_context())
        span.end(window.committed)

    def _await(self, space: SpaceId, one: _Awaited) -> None:
        self._awaited.setdefault(space, []).append(one)
        if len(self._awaited) > _MOST_WAITING:
            self._end(next(iter(self._awaited)), _NOT_SEEN)

    def _confirmed(self, row: DueSpace, now: int) -> None:
        """A row that was read before the last commit of its space leaves the uplinks of that commit waiting."""
        name = f"{row.site}/{row.zone}/{row.space}"
        waiting = self._awaited.pop(row.key)
        for one in waiting:
            if row.updated_at >= one.at:
                one.uplink.set_attribute("parking.space", name)
                one.publish.set_attributes({"parking.space": name, "parking.version": row.version})
                one.publish.set_status(StatusCode.OK)  # also if it was refused before
                one.publish.end(now)
                one.uplink.end(now)
        if later := [one for one in waiting if row.updated_at < one.at]:
            self._awaited[row.key] = later

    def _give_up(self, *, since: datetime) -> None:
        while self._awaited:
            oldest = next(iter(self._awaited))
            if self._awaited[oldest][0].since >= since:
                return
            self._end(oldest, _NOT_SEEN)

    def _end(self, space: SpaceId, why: str) -> None:
        now = _nanoseconds(self._clock())
        for one in self._awaited.pop(space):
            one.publish.add_event(why, timestamp=now)
            one.publish.end(now)
            one.uplink.end(now)


def _window(committed: Committed, now: datetime) -> _Window:
    """The duration of each part is known, and the report follows the commit at once."""
    end = _nanoseconds(now)
    decided_at = end - round(committed.write_seconds * 1e9)
    return _Window(
        began=end - round(committed.seconds * 1e9),
        decided_from=decided_at - round(committed.decide_seconds * 1e9),
        decided_at=decided_at,
        committed=end,
    )


def _error(rejection: Rejection) -> Status:
    return Status(StatusCode.ERROR, f"{rejection.reason}: {rejection.detail}")


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND * 1000
