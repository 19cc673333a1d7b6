"""A frame without a reply in time is tried again, and no other."""

import pytest

from decoders import Frame, Reading, Undecodable
from decoders.conformance import NOON
from parking_gateway.decoding.guests.process import GuestStopped
from parking_gateway.decoding.importing.patience import patient

FRAME = Frame(port=1, payload=b"\x01", received_at=NOON)


@pytest.mark.parametrize(("late", "calls"), [(0, 1), (2, 3)])
def test_a_late_reply_is_asked_for_again(late: int, calls: int) -> None:
    asked: list[Frame] = []

    def decode(frame: Frame) -> Reading:
        asked.append(frame)
        if len(asked) <= late:
            raise GuestStopped("no reply within 50 ms")
        return Reading(counter=len(asked))

    assert patient(decode)(FRAME) == Reading(counter=calls)


@pytest.mark.parametrize(("failure", "calls"), [(GuestStopped, 3), (Undecodable, 1)])
def test_a_failure_stays_one(failure: type[Exception], calls: int) -> None:
    asked: list[Frame] = []

    def decode(frame: Frame) -> Reading:
        asked.append(frame)
        raise failure("no")

    with pytest.raises(failure):
        patient(decode)(FRAME)
    assert len(asked) == calls
