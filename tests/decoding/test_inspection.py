"""The effects of bits: the same change, made by hand, has the same effect."""

from pathlib import Path

import msgspec
import pytest

from decoders import Frame, Occupancy, Reading, Undecodable, conformance
from parking_gateway.decoding import codecs
from parking_gateway.decoding.inspection import Effect, decoded, effects

VECTORS = Path(__file__).parents[1] / "decoders"
NAMES = [codec.name for codec in codecs.modules() if (VECTORS / f"{codec.name}.toml").exists()]


def nibbles(frame: Frame) -> Reading:
    """Read bit 0 as a car, the high nibble as a fault where it is not 0, and refuse bit 3."""
    (status,) = frame.payload
    if status & 0x08:
        raise Undecodable("byte 0: bit 3 is reserved")
    return Reading(
        occupancy=Occupancy.OCCUPIED if status & 1 else Occupancy.VACANT, fault="broken" if status >> 4 else None
    )


def frame(payload: str) -> Frame:
    return Frame(port=1, payload=bytes.fromhex(payload), received_at=conformance.NOON)


def test_each_bit_that_matters_has_its_effect() -> None:
    """The nibble has two bits set, so neither decides alone."""
    assert list(effects(nibbles, frame("31"))) == [
        Effect(byte=0, bit=3, becomes={"undecodable": "byte 0: bit 3 is reserved"}),
        Effect(byte=0, bit=0, becomes={"occupancy": "vacant"}),
        Effect(byte=0, bit=None, becomes={"fault": None}),
    ]


def test_a_bit_that_decides_is_named_alone() -> None:
    assert Effect(byte=0, bit=4, becomes={"fault": None}) in effects(nibbles, frame("10"))
    assert all(change.bit is not None for change in effects(nibbles, frame("10")))


def test_a_broken_codec_is_inspected_too() -> None:
    def fragile(frame: Frame) -> Reading:
        return Reading(counter=8 // frame.payload[0])

    assert decoded(fragile, frame("00"))["undecodable"].startswith("codec failed: ZeroDivisionError")
    becomes = [change.becomes for change in effects(fragile, frame("01")) if change.bit == 0]
    assert becomes[0].keys() == {"undecodable"}


@pytest.mark.parametrize("name", NAMES)
def test_every_occupancy_comes_from_somewhere(name: str) -> None:
    """In each vector with an occupancy, a bit or byte that decides it is found, and changing it by hand has the same effect."""
    vectors = conformance.load(VECTORS / f"{name}.toml")
    for vector in vectors.vector:
        occupancy = (vector.reading or {}).get("occupancy")
        if occupancy is None:
            continue
        decode = codecs.bind(codecs.find(vector.line or name), vectors.options_of(vector))
        good = vector.frame()
        deciding = [change for change in effects(decode, good) if "occupancy" in change.becomes]
        assert deciding, vector.name
        for change in deciding:
            if change.bit is not None:
                bent = bytearray(good.payload)
                bent[change.byte] ^= 1 << change.bit
                other = decode(msgspec.structs.replace(good, payload=bytes(bent)))
                assert other.occupancy == change.becomes["occupancy"] != occupancy
