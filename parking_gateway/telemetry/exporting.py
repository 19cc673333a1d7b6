"""The export of traces over OTLP/HTTP: a thread of the SDK sends them, and nothing waits for it but the end of the process."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from typing_extensions import override

from parking_gateway import __version__
from parking_gateway.process.config.tracing import TracingConfig
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry.tracing import TraceIds, Tracing

_AT_ONCE: Final = 512
"""Spans of a request."""
_LAST: Final = 2.0
"""Seconds for the last spans when the gateway ends."""
_LAST_OF_FAILING: Final = 0.2
"""The same if the last export failed."""
ReportExport = Callable[[str | None], None]
"""Called after an export that failed, with the reason, and after the first one that did not."""


class Exporting:
    """Traces of one process, on their way to a collector."""

    def __init__(self, config: TracingConfig, *, instance: str, report: ReportExport, clock: WallClock) -> None:
        headers = {name: value.get_secret_value() for name, value in config.headers.items()}
        self._exporter = _Reporting(
            OTLPSpanExporter(
                config.endpoint,
                certificate_file=str(config.ca_file) if config.ca_file else None,
                headers=headers,
                timeout=config.timeout.total_seconds(),
            ),
            report,
        )
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=config.queue,
            max_export_batch_size=_AT_ONCE,
            schedule_delay_millis=config.interval.total_seconds() * 1000,
        )
        ids = TraceIds()
        about = {"service.name": "parking-gateway", "service.version": __version__, "service.instance.id": instance}
        provider = TracerProvider(ALWAYS_ON, Resource.create(about), shutdown_on_exit=False, id_generator=ids)
        provider.add_span_processor(self._processor)
        tracer = provider.get_tracer("parking_gateway", __version__)
        self.tracing = Tracing(tracer, ids, ratio=config.ratio, clock=clock)

    async def close(self) -> None:
        """Export what is left, for a limited time."""
        self.tracing.close()
        has_ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def finish() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]  # it has no types
            with suppress(RuntimeError):  # nobody has waited so long
                loop.call_soon_threadsafe(has_ended.set)

        # A daemon, so that a collector that does not answer cannot keep the process alive.
        Thread(target=finish, name="the last traces", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_OF_FAILING if self._exporter.is_failing else _LAST):
                await has_ended.wait()
        self._exporter.close()


class _Reporting(SpanExporter):
    """Exports, and reports failures from the thread of the SDK to the event loop."""

    def __init__(self, exporter: SpanExporter, report: ReportExport) -> None:
        self._exporter = exporter
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._complaints = _LastComplaint()
        self.is_failing = False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        has_failed = result is not SpanExportResult.SUCCESS
        if has_failed or self.is_failing:
            self.is_failing = has_failed
            with suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(self._report, self._complaints.text if has_failed else None)
        return result

    @override
    def shutdown(self) -> None:
        self._exporter.shutdown()

    def close(self) -> None:
        """Give up the attempts of an export, and let the libraries log again as before."""
        self._exporter.shutdown()
        self._complaints.close()


class _LastComplaint(logging.Handler):
    """Keeps the last reason that the exporter logged, because it gives it nowhere else. Its own lines are left out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._loggers = [logging.getLogger(name) for name in ("opentelemetry", "urllib3.connectionpool")]
        for one in self._loggers:
            one.addHandler(self)
            one.propagate = False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()

    @override
    def close(self) -> None:
        for one in self._loggers:
            one.removeHandler(self)
            one.propagate = True
        super().close()
