"""The conformance checks themselves: each mistake of a codec has a complaint, so a pass has a meaning."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from decoders import Frame, Occupancy, Reading, Undecodable, conformance

FRAME: dict[str, Any] = {"source": "none", "port": 1}
OCCUPIED = conformance.Vector(**FRAME, name="occupied", payload="01", reading={"occupancy": "occupied"})
VACANT = conformance.Vector(**FRAME, name="vacant", payload="00", reading={"occupancy": "vacant"})
REFUSED = conformance.Vector(**FRAME, name="refused", payload="", undecodable=True)
ALL = (OCCUPIED, VACANT, REFUSED)


def good(frame: Frame) -> Reading:
    if frame.payload not in {b"\x00", b"\x01"}:
        raise Undecodable("a status is one byte, 0 or 1")
    return Reading(occupancy=Occupancy.OCCUPIED if frame.payload[0] else Occupancy.VACANT)


def careless(frame: Frame) -> Reading:
    """Read an empty payload as vacant, as many published decoders do."""
    return Reading(occupancy=Occupancy.OCCUPIED if frame.payload[:1] == b"\x01" else Occupancy.VACANT)


def moody() -> Callable[[Frame], Reading]:
    counts = iter([1, *range(2, 10_000)])
    return lambda frame: Reading(occupancy=good(frame).occupancy, counter=next(counts))


def complain(decode: conformance.Decode, *vectors: conformance.Vector, silent: str | None = None) -> str:
    def bind(_line: str | None, _options: Mapping[str, str]) -> conformance.Decode:
        return decode

    return "\n".join(conformance.complaints(conformance.Vectors(vector=vectors, silent=silent), bind))


def test_a_good_codec_is_not_complained_of() -> None:
    assert complain(good, *ALL) == ""


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ((OCCUPIED, REFUSED), "no vector is vacant"),
        ((VACANT, REFUSED), "no vector is occupied"),
        ((OCCUPIED, VACANT), "no vector is undecodable"),
    ],
)
def test_vectors_that_leave_something_untested(vectors: tuple[conformance.Vector, ...], complaint: str) -> None:
    assert complain(good, *vectors) == complaint


def test_vectors_of_a_silent_device_have_no_occupancy() -> None:
    assert "marked as silent, but one has an occupancy" in complain(good, *ALL, silent="it is a lamp")


def test_a_frame_cut_short_or_empty_must_be_refused() -> None:
    complaints = complain(careless, *ALL)
    assert "occupied: cut to 0 bytes, it is not refused" in complaints
    assert "refused: expected a refusal, got Reading" in complaints


def test_a_length_of_short_ok_must_be_decoded() -> None:
    vector = conformance.Vector(**FRAME, name="v", payload="01", reading={"occupancy": "occupied"}, short_ok=(0,))
    assert "v: cut to 0 bytes, it is refused: a status is one byte" in complain(good, vector, VACANT, REFUSED)


def test_another_reading_than_that_of_the_vector() -> None:
    wrong = conformance.Vector(**FRAME, name="wrong", payload="01", reading={"occupancy": "vacant"})
    assert "wrong: expected {'occupancy': 'vacant'}, got Reading(occupancy=" in complain(good, wrong, *ALL)


def test_a_field_that_no_reading_has() -> None:
    typo = conformance.Vector(**FRAME, name="typo", payload="01", reading={"occupancy": "occupied", "battery": 3})
    assert "typo: a reading has no field battery" in complain(good, typo, *ALL)


def test_a_refusal_with_a_reading() -> None:
    both = conformance.Vector(**FRAME, name="both", payload="", undecodable=True, reading={})
    assert "both: the vector has both `undecodable` and a reading" in complain(good, both, *ALL)


def test_two_readings_of_one_frame() -> None:
    assert "one frame has two different readings" in complain(moody(), *ALL)


def test_an_accidental_exception_of_a_codec_is_not_caught() -> None:
    """Most published decoders break on an empty payload."""
    with pytest.raises(IndexError):
        complain(lambda frame: Reading(counter=frame.payload[0]), *ALL)


@pytest.mark.parametrize(
    ("reading", "complaint"),
    [
        (Reading(battery_percent=101), "the battery has 101 percent"),
        (Reading(confidence=-0.1), "the confidence is -0.1"),
        (Reading(distance_mm=0), "0 mm is no distance"),
        (Reading(at=datetime(2026, 11, 23)), "at has no time zone"),  # noqa: DTZ001 - that is the mistake
        (Reading(past=(Reading(counter=1),)), "a reading in past has no time"),
        (Reading(past=(Reading(at=conformance.NOON, distance_mm=-1),)), "-1 mm is no distance"),
    ],
)
def test_readings_that_are_impossible_in_any_frame(reading: Reading, complaint: str) -> None:
    assert list(conformance.impossible(reading)) == [complaint]


def test_an_impossible_reading_of_a_changed_frame_is_found() -> None:
    """No vector has this reading; a vector with one byte changed has it."""

    def percent(frame: Frame) -> Reading:
        good(Frame(port=1, payload=frame.payload[:1], received_at=frame.received_at))
        if len(frame.payload) != 2:
            raise Undecodable("two bytes")
        return Reading(battery_percent=float(frame.payload[1]))

    vector = conformance.Vector(**FRAME, name="v", payload="0164", reading={"battery_percent": 100})
    assert "v: the battery has 127.0 percent, from 017f on port 1" in complain(percent, vector, REFUSED, silent="none")
