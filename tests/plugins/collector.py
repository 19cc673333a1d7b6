"""An OpenTelemetry collector: an HTTP server that takes spans as protobuf."""

import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.plugins.recipients import HookServer

_PATIENCE = 30
"""Seconds."""


class Collector:
    """The spans that it has received."""

    def __init__(self, server: HookServer) -> None:
        self.server = server
        self.url = server.url

    @property
    def spans(self) -> list[Span]:
        """All of them, in the order in which they came."""
        return [
            span
            for request in self._requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> dict[str, object]:
        """The attributes of the process that sends them."""
        (found,) = {
            str(one.resource): one.resource for request in self._requests() for one in request.resource_spans
        }.values()
        return {one.key: value_of(one.value) for one in found.attributes}

    def named(self, name: str) -> list[Span]:
        """Those of one name."""
        return [span for span in self.spans if span.name == name]

    def wait_for(self, name: str, count: int) -> None:
        """Wait until it has so many spans of this name."""
        deadline = time.monotonic() + _PATIENCE
        while len(self.named(name)) < count:
            if not self.server.has_request.acquire(timeout=deadline - time.monotonic()):
                pytest.fail(f"There are no {count} spans {name}: {[span.name for span in self.spans]}")

    def _requests(self) -> Iterator[ExportTraceServiceRequest]:
        for headers, body in [*self.server.requests]:
            assert headers["content-type"] == "application/x-protobuf"
            yield ExportTraceServiceRequest.FromString(body)


def attributes_of(span: Span) -> dict[str, object]:
    """By their names."""
    return {one.key: value_of(one.value) for one in span.attributes}


def value_of(value: AnyValue) -> object:
    """As Python has it."""
    if value.HasField("array_value"):
        return [value_of(one) for one in value.array_value.values]
    return getattr(value, value.WhichOneof("value") or "string_value")


@pytest.fixture
def collector(hooks: HookServer) -> Collector:
    """A collector at the address of a webhook."""
    return Collector(hooks)
