"""Two readings of one uplink are compared field by field."""

from pathlib import Path

import pytest

from decoders import Frame
from decoders.conformance import NOON
from parking_gateway.decoding import codecs
from parking_gateway.decoding.comparing import Asked, Comparison, Differences, differences
from parking_gateway.decoding.inspection import JsonReading

FRAME = Frame(port=2, payload=bytes.fromhex("0dac03e8000000 01"), received_at=NOON)
OWN = """
from decoders import Device, Reading
DEVICE = Device(vendor="A", model="B", ports=(), measures_distance=True)
def decode(frame):
    return Reading(distance_mm={}, battery_volts=3.5)
"""


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        ({"occupancy": None}, {"occupancy": None}, {}),
        ({"occupancy": None, "counter": 1}, {"occupancy": None}, {"counter": (1, None)}),
        ({"occupancy": "vacant"}, {"undecodable": "port 3"}, {"undecodable": (None, "port 3")}),
        ({"undecodable": "port 3"}, {"undecodable": "the port 3"}, {}),
        ({"channels": {"1": {"counter": 1}}}, {"channels": {"1": {"counter": 2}}}, None),
    ],
)
def test_a_field_that_one_reading_lacks_differs(
    before: JsonReading, after: JsonReading, differing: JsonReading | None
) -> None:
    if differing is None:
        differing = {"channels": (before["channels"], after["channels"])}
    assert differences(before, after) == differing


@pytest.mark.parametrize(
    ("before", "after", "differing"),
    [
        ({}, {"occupancy": "occupied", "counter": 3}, {}),
        ({"occupancy": "vacant"}, {"occupancy": "occupied", "counter": 3}, {"occupancy": ("vacant", "occupied")}),
        ({"occupancy": "vacant"}, {"occupancy": None}, {}),
        ({}, {"undecodable": "port 3"}, {"undecodable": (None, "port 3")}),
        ({"undecodable": "port 3"}, {"occupancy": None}, {"undecodable": ("port 3", None)}),
    ],
)
def test_what_is_not_known_of_the_first_reading_does_not_differ(
    before: JsonReading, after: JsonReading, differing: JsonReading
) -> None:
    assert differences(before, after, is_partly_known=True) == differing


def test_another_codec_reads_with_the_options_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN.format(2000))
    asked = Asked(frame=FRAME, codec="dragino_ldds75", options={"occupied_below_mm": "1500"})
    other = codecs.load(tmp_path / "own.py")
    found = Comparison(None, other=other).compare(asked)
    assert found is not None
    assert found.now == other.identity
    assert found.differs["occupancy"] == ("occupied", "vacant")
    assert found.differs["distance_mm"] == (1000, 2000)


def test_a_file_of_the_name_of_our_codec_is_another_codec(tmp_path: Path) -> None:
    (tmp_path / "dragino_ldds75.py").write_text(OWN.format(2000))
    other = codecs.load(tmp_path / "dragino_ldds75.py")
    assert other.version != codecs.find("dragino_ldds75", dropins=tmp_path).version
    with pytest.raises(codecs.CodecNotFound, match="is no codec: it has to be a file"):
        codecs.load(tmp_path / "absent.py")


def test_an_uplink_without_a_codec_is_counted_and_not_compared() -> None:
    found, comparison = Differences(), Comparison(None)
    found.add(comparison.compare(Asked(frame=FRAME, codec=None)))
    found.add(comparison.compare(Asked(frame=FRAME, codec="nwave_nps311", before={"occupancy": "vacant"})))
    found.add(comparison.compare(Asked(frame=FRAME, codec="dragino_ldds75", before={"occupancy": None})))
    assert (found.uplinks, found.compared, found.without_codec, found.differing) == (3, 2, 1, 2)
    assert {kind.field for kind in found.kinds} == {
        "undecodable",
        "distance_mm",
        "battery_volts",
        "temperature_celsius",
    }
    assert {kind.after for kind in found.kinds if kind.field == "distance_mm"} == {"a number"}
