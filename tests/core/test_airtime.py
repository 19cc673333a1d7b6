"""The rate of downlinks: one at a time for each device and each LoRaWAN gateway, the longest wait first."""

from datetime import timedelta
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.airtime import Airtime, Traffic, sendable
from parking_gateway.core.downlink import Downlink
from parking_gateway.core.events import DevEui
from tests.core.test_line import SECOND, START, at, downlink

AIRTIME = Airtime(of_device=5 * SECOND, of_gateway=SECOND)


def of(device: str, number: int) -> Downlink:
    return msgspec.structs.replace(downlink(number), dev_eui=DevEui(device))


def numbers(found: list[Downlink]) -> list[int]:
    return [one.id.int for one in found]


def test_a_lorawan_gateway_and_a_device_get_one_at_a_time() -> None:
    waiting = [of("c", 4), of("b", 3), of("a", 2), of("a", 1), of("d", 9)]
    traffic = Traffic(gateway_of={DevEui("a"): "G", DevEui("b"): "G", DevEui("c"): "H"})
    assert numbers(sendable(waiting, traffic, AIRTIME, now=at(5))) == [1, 4]


def test_devices_of_an_unknown_lorawan_gateway_share_a_limit() -> None:
    assert numbers(sendable([of("a", 1), of("b", 2)], Traffic(), AIRTIME, now=at(5))) == [1]


def test_limits_count_from_the_last_downlink() -> None:
    waiting = [of("a", 1)]
    by_device = Traffic(by_device={DevEui("a"): at(1)})
    assert numbers(sendable(waiting, by_device, AIRTIME, now=at(5.9))) == []
    assert numbers(sendable(waiting, by_device, AIRTIME, now=at(6))) == [1]
    by_gateway = Traffic(by_gateway={"": at(5.5)})
    assert numbers(sendable(waiting, by_gateway, AIRTIME, now=at(6))) == []
    assert numbers(sendable(waiting, by_gateway, AIRTIME, now=at(6.5))) == [1]


def test_nothing_is_sent_before_its_time() -> None:
    ended = msgspec.structs.replace(of("b", 2), next_at=None)
    assert sendable([of("a", 9), ended], Traffic(), AIRTIME, now=at(5)) == []


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 30)), max_size=30))
def test_all_that_wait_are_sent_in_the_end_and_never_too_fast(given_: list[tuple[str, int]]) -> None:
    waiting = {UUID(int=place): of(device, place) for place, (device, _) in enumerate(given_)}
    gateway_of = {DevEui(device): device.translate(str.maketrans("abcdef", "GGGHHI")) for device in "abcdef"}
    traffic, now = Traffic(gateway_of=gateway_of), START
    for _ in range(600):
        for one in sendable(waiting.values(), traffic, AIRTIME, now=now):
            del waiting[one.id]
            gateway = gateway_of[one.dev_eui]
            assert now - traffic.by_device.get(one.dev_eui, START - timedelta(days=1)) >= AIRTIME.of_device
            assert now - traffic.by_gateway.get(gateway, START - timedelta(days=1)) >= AIRTIME.of_gateway
            traffic = msgspec.structs.replace(
                traffic,
                by_device={**traffic.by_device, one.dev_eui: now},
                by_gateway={**traffic.by_gateway, gateway: now},
            )
        now += SECOND / 2
    assert not waiting
