"""Traces of a whole gateway: complete after its end, harmless without a collector, and absent where nobody wants them."""

from uuid import UUID

from opentelemetry.proto.trace.v1.trace_pb2 import Status
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from tests.events import topic_of
from tests.plugins.car_park import CarPark
from tests.plugins.collector import Collector, attributes_of
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, settled, traffic, value


async def test_every_uplink_has_a_trace_from_its_receipt_to_its_publication(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, collector: Collector
) -> None:
    devices = await car_park(2)
    daemon.configure(TRACING__ENDPOINT=collector.url, TRACING__RATIO="1", TRACING__INTERVAL="60")
    daemon.start_and_wait()
    await publish(broker, [*traffic(devices, uplinks=6), (topic_of(devices[0]), b"{")])
    await settled(engine, broker, database, uplinks=6)
    assert daemon.terminate() == 0
    causes = set(await value(engine, "select array_agg(deduplication_id) from uplink"))
    traces = {UUID(bytes=span.trace_id): span for span in collector.named("uplink")}
    assert traces.keys() == causes
    assert {attributes_of(span)["parking.space"] for span in traces.values()} == {
        "central/level-1/A-1",
        "central/level-1/A-2",
    }
    for name in ("receive", "record", "decode", "publish"):
        parts = {UUID(bytes=span.trace_id): span for span in collector.named(name)}
        assert parts.keys() == causes
        for cause, part in parts.items():
            whole = traces[cause]
            begins, ends = part.start_time_unix_nano, part.end_time_unix_nano
            assert whole.start_time_unix_nano <= begins <= ends <= whole.end_time_unix_nano
    assert {span.status.code for span in collector.named("publish")} == {Status.STATUS_CODE_OK}
    (rejected,) = collector.named("rejected message")
    assert rejected.status.message.startswith("malformed: ")
    assert collector.resource["service.instance.id"] == "test"


async def test_a_collector_that_is_away_is_one_line_of_the_log(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(2)
    address = f"http://{LOCALHOST}:{free_port()}"
    daemon.configure(TRACING__ENDPOINT=address, TRACING__RATIO="1", TRACING__INTERVAL="0.05", TRACING__TIMEOUT="0.1")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=2))
    daemon.wait_for_line("Traces cannot be exported, and are dropped")
    await publish(broker, traffic(devices, uplinks=4)[2:])
    await settled(engine, broker, database, uplinks=4)
    assert daemon.terminate() == 0
    assert len(daemon.log_lines("Traces cannot be exported, and are dropped")) == 1


async def test_without_an_endpoint_nothing_is_imported_for_traces(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(1)
    daemon.is_forked = False
    daemon.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=2))
    await settled(engine, broker, database, uplinks=2)
    assert daemon.terminate() == 0
    imported = {line.rpartition("|")[2].strip() for line in daemon.log.read_text().splitlines()}
    assert "parking_gateway.gateway.traces" in imported
    assert [name for name in imported if name.startswith(("opentelemetry", "google.protobuf", "requests"))] == []
