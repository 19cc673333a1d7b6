"""The next address of a broker is tried at once; a wait follows only when a whole round has failed."""

import socket
from datetime import timedelta

import pytest

from parking_gateway.broker.addresses import Addresses
from parking_gateway.broker.wire import Address, opened
from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.process.config.mqtt import MqttConfig


@pytest.fixture
def three() -> Addresses:
    return Addresses(MqttConfig(url="mqtt://a,b,c", timeout=5))


def test_a_round_tries_each_address_once(three: Addresses) -> None:
    tried = []
    for _ in range(6):
        tried.append(three.here.host)
        three.ended(has_lasted=False)
        assert three.is_round_over == (len(tried) % 3 == 0)
    assert tried == [*"abcabc"]


def test_a_connection_that_has_lasted_is_made_again_at_its_own_address_first(three: Addresses) -> None:
    three.ended(has_lasted=False)
    tried = []
    three.ended(has_lasted=True)
    for _ in range(3):
        assert not three.is_round_over
        tried.append(three.here.host)
        three.ended(has_lasted=False)
    assert tried == [*"bca"]
    assert three.is_round_over


def test_each_round_waits_twice_as_long_for_an_answer_up_to_the_timeout(three: Addresses) -> None:
    assert [three.patience(rounds) for rounds in (0, 1, 2, 3, 1_000_000)] == [
        timedelta(seconds=seconds) for seconds in (1, 2, 4, 5, 5)
    ]


def test_a_single_address_has_all_of_the_timeout_and_a_wait_after_each_failure() -> None:
    alone = Addresses(MqttConfig(url="mqtt://a"))
    for has_lasted in (True, False, False):
        alone.ended(has_lasted=has_lasted)
        assert alone.is_round_over
        assert alone.patience(0) is None
        assert alone.here.host == "a"


async def test_the_kernel_asks_for_the_other_machine_only_if_another_can_take_its_place() -> None:
    """A machine that is cut off is noticed after 3 seconds. With one address, a short outage is outlasted."""
    for has_others in (True, False):
        with socket.create_server((LOCALHOST, 0)) as server:
            address = Address(
                host=LOCALHOST,
                port=server.getsockname()[1],
                tls=None,
                websocket_path=None,
                has_others=has_others,
            )
            wire = await opened(address)
            assert isinstance(wire, socket.socket)
            with server.accept()[0]:
                assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == has_others
                limit = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert limit == (3_000 if has_others else 0)
                wire.close()
