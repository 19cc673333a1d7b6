"""The conformance checks themselves: each mistake of a codec has a complaint, so a pass has a meaning."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import pytest

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable, conformance, measuring

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


NONE: Final = Device(vendor="Acme", model="Bay", ports=(1,))


def complain(
    decode: conformance.Decode, *vectors: conformance.Vector, silent: str | None = None, device: Device = NONE
) -> str:
    def bind(_line: str | None, _options: Mapping[str, str]) -> conformance.Decode:
        return decode

    return "\n".join(conformance.complaints(conformance.Vectors(vector=vectors, silent=silent), bind, device=device))


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
        (Reading(distance_mm=900, tamper=True), "the sensor was moved, so 900 mm is no distance"),
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


DISTANCE: Final = Measured(lowest=300, highest=5000, errors=(0, 4000))
ECHO: Final = Device(
    vendor="Acme", model="Echo", ports=(1,), measures_distance=True, measures={"distance_mm": DISTANCE}
)
NEAR: Final = conformance.Vector(
    **FRAME, name="near", payload="00 04b0 0d", reading={"occupancy": "occupied", "distance_mm": 1200}
)
FAR: Final = conformance.Vector(
    **FRAME, name="far", payload="00 09c4 0d", reading={"occupancy": "vacant", "distance_mm": 2500}
)


def echo(measure: Callable[[int], tuple[int | None, str | None]], *, trusting: bool = False) -> conformance.Decode:
    """Return the codec of a device whose bytes 1 and 2 are a distance. A trusting one takes every value for an occupancy."""

    def decode(frame: Frame) -> Reading:
        if len(frame.payload) != 4:
            raise Undecodable("four bytes")
        raw = int.from_bytes(frame.payload[1:3])
        millimetres, fault = measure(raw)
        seen = Occupancy.OCCUPIED if raw < 2000 else Occupancy.VACANT
        return Reading(
            occupancy=seen if trusting or millimetres is not None else None, distance_mm=millimetres, fault=fault
        )

    return decode


def honest(raw: int) -> tuple[int | None, str | None]:
    return measuring.distance(raw, DISTANCE)


def test_a_codec_that_measures_as_it_declares_is_not_complained_of() -> None:
    assert complain(echo(honest), NEAR, FAR, REFUSED, device=ECHO) == ""


@pytest.mark.parametrize(
    ("measure", "complaint"),
    [
        (
            lambda raw: (raw or None, None),
            "near: distance_mm is 4000, which is no measurement, from 000fa00d on port 1",
        ),
        (lambda raw: (raw if raw not in {0, 4000} else None, "?"), "near: distance_mm is 299, which is no measurement"),
        (lambda raw: (honest(raw)[0], None), "near: without a distance_mm, the frame has neither a fault nor tamper"),
    ],
)
def test_a_codec_that_measures_otherwise_than_it_declares(
    measure: Callable[[int], tuple[int | None, str | None]], complaint: str
) -> None:
    """An error value, a value beyond a bound, and a value whose refusal has no explanation."""
    assert complaint in complain(echo(measure), NEAR, FAR, REFUSED, device=ECHO)


def test_an_occupancy_of_a_distance_that_is_no_measurement() -> None:
    complaints = complain(echo(honest, trusting=True), NEAR, FAR, REFUSED, device=ECHO)
    assert "near: without a distance_mm, the frame is occupied, from 0000000d on port 1" in complaints


def test_a_distance_that_no_declaration_covers() -> None:
    assert "DEVICE.measures does not declare which values of distance_mm" in complain(echo(honest), NEAR, FAR, REFUSED)


@pytest.mark.parametrize(
    ("measures", "complaint"),
    [
        ({"colour": DISTANCE}, "DEVICE.measures has colour, which is no measurement of a reading"),
        ({"counter": Measured(lowest=1, highest=0)}, "DEVICE.measures has a lowest counter of 1 and a highest of 0"),
    ],
)
def test_declarations_that_cannot_hold(measures: Mapping[str, Measured], complaint: str) -> None:
    device = Device(vendor="Acme", model="Bay", ports=(1,), measures=measures)
    assert complaint in complain(good, *ALL, device=device)
