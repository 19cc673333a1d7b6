"""Each of several addresses in `mqtt.url` is tried, and one of no use is a warning while another one can be used."""

from collections.abc import Sequence
from datetime import timedelta

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.cli.doctor.addresses import examine_addresses, tried
from parking_gateway.process.config.mqtt import MqttConfig


async def verdicts(ports: Sequence[int]) -> list[tuple[str, str]]:
    config = MqttConfig(url=f"mqtt://{','.join(f'{LOCALHOST}:{port}' for port in ports)}")
    found = await tried(config, deadline=timedelta(seconds=20))
    return [(check.verdict, check.detail) for check in examine_addresses(found)]


async def test_addresses_that_all_answer_are_fine(broker: Broker) -> None:
    """Two names of one broker."""
    config = MqttConfig(url=f"mqtt://{LOCALHOST}:{broker.port},localhost:{broker.port}")
    (check,) = examine_addresses(await tried(config, deadline=timedelta(seconds=20)))
    assert check.verdict == "fine"


async def test_one_that_does_not_answer_is_a_warning(broker: Broker) -> None:
    away = free_port()
    ((verdict, detail),) = await verdicts([away, broker.port])
    assert verdict == "warning"
    assert detail.startswith(f"{LOCALHOST}:{away} of mqtt.url cannot be used ([Errno 111] Connect call failed")
    assert detail.endswith(f"the gateway works with {LOCALHOST}:{broker.port}; nothing takes its place if it fails")


async def test_without_a_choice_there_is_nothing_to_say(broker: Broker) -> None:
    """The check of the broker names an only address, and says why none can be used."""
    assert await verdicts([broker.port]) == []
    assert await verdicts([free_port(), free_port()]) == []
