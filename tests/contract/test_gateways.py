"""The topics and the messages of a gateway about itself."""

from datetime import UTC, datetime

from parking_gateway.contract.gateways import (
    GatewayMessage,
    HealthMessage,
    MarkerMessage,
    gateway_publication,
    number_of,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_gateway_has_three_topics_of_its_own() -> None:
    health = HealthMessage(
        version="1",
        uptime_seconds=1,
        uplinks=0,
        uplinks_per_second=0,
        duplicates=0,
        rejections=0,
        transitions=0,
        published=0,
        inbox=0,
        outbox=0,
        lag_seconds=0,
        database="up",
        broker="up",
        problems=[],
        updated=NOON,
    )
    messages = (GatewayMessage(status="online", since=NOON), health, MarkerMessage(number=7))
    published = [gateway_publication("p/v1", "gw", message) for message in messages]
    assert [one.topic for one in published] == [
        "p/v1/gateways/gw",
        "p/v1/gateways/gw/health",
        "p/v1/gateways/gw/marker",
    ]
    assert all(one.retain for one in published)


def test_a_marker_is_read_back() -> None:
    """Other bytes count as the number 0, which is older than any."""
    published = gateway_publication("p/v1", "gw", MarkerMessage(number=7))
    assert number_of(published.payload) == 7
    assert number_of(b"{}") == number_of(b"\xff") == 0
