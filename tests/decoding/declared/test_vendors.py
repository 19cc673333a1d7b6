"""Scripts as vendors write them, found by their names, in QuickJS itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders import Frame, Occupancy, Reading, Undecodable, conformance
from parking_gateway.decoding import codecs

VENDORS = Path(__file__).parent / "vendors"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VACANT, OCCUPIED = Occupancy.VACANT, Occupancy.OCCUPIED


def read(name: str, port: int, payload: str, **options: str) -> Reading:
    decode = codecs.bind(codecs.find(name, dropins=VENDORS), options)
    return decode(Frame(port=port, payload=bytes.fromhex(payload), received_at=NOON))


@pytest.mark.parametrize(
    ("port", "payload", "expected"),
    [
        (1, "01 100e", Reading(occupancy=OCCUPIED, battery_volts=3.6)),
        (1, "00 100e", Reading(occupancy=VACANT, battery_volts=3.6)),
        (1, "00 0000", Reading(occupancy=VACANT)),
        (1, "00 3408", Reading(occupancy=VACANT, battery_volts=2.1)),
        (2, "01 1e f6", Reading(occupancy=OCCUPIED, at=NOON - timedelta(minutes=30), temperature_celsius=-10)),
        (3, "01 01", Reading(fault="sensor blocked", tamper=True)),
        (3, "00 00", Reading(tamper=False)),
    ],
)
def test_a_script_of_sloppy_mode(port: int, payload: str, expected: Reading) -> None:
    """It uses variables without declaring them. Its warnings and its undeclared values are ignored."""
    assert read("acme_bay_x1", port, payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("02 0096", Reading(distance_mm=1500)),
        ("01 5f 02 0096 03 01", Reading(battery_percent=95, distance_mm=1500)),
        ("01 ff 02 ffff", Reading(fault="no echo")),
    ],
)
def test_a_script_of_strict_mode(payload: str, expected: Reading) -> None:
    """Its decodeUplink is a constant, so it is no member of the global object."""
    assert read("north_tlv", 85, payload) == expected


@pytest.mark.parametrize(("name", "ports"), [("acme_bay_x1", (1, 2, 3)), ("north_tlv", (85,))])
def test_any_bytes_give_a_reading_or_a_refusal(name: str, ports: tuple[int, ...]) -> None:
    """As for any codec: nothing else is raised, and the same frame gives the same reading."""
    decode = codecs.bind(codecs.find(name, dropins=VENDORS))

    @settings(max_examples=200)
    @given(port=st.sampled_from(ports), payload=st.binary(max_size=13))
    def law(port: int, payload: bytes) -> None:
        frame = Frame(port=port, payload=payload, received_at=NOON)
        outcome = conformance.outcome(decode, frame)
        assert repr(outcome) == repr(conformance.outcome(decode, frame))
        if isinstance(outcome, Reading):
            assert list(conformance.impossible(outcome)) == []

    law()


def test_a_distance_takes_the_thresholds_of_the_installation() -> None:
    thresholds = {"occupied_below_mm": "1500", "vacant_above_mm": "1800"}
    assert read("north-tlv", 85, "02 0095", **thresholds).occupancy is OCCUPIED
    assert read("north-tlv", 85, "02 0096", **thresholds).occupancy is None
    assert read("north-tlv", 85, "02 00b5", **thresholds).occupancy is VACANT


@pytest.mark.parametrize(
    ("name", "port", "payload", "why"),
    [
        ("acme_bay_x1", 3, "07 00", "acme_bay_x1.js reports: unknown alarm 7"),
        ("acme_bay_x1", 3, "00 07", "tilted is 7, which is not a declared value"),
        ("acme_bay_x1", 4, "01", "port 4 is not declared, only 1, 2, 3"),
        ("acme_bay_x1", 1, "", "the size 0 on port 1 is not declared"),
        ("acme_bay_x1", 1, "01 10", "the size 2 on port 1 is not declared"),
        ("acme_bay_x1", 2, "01 10 20 30 40", "the size 5 on port 2 is not declared"),
        ("north_tlv", 85, "09 00", "north_tlv.js threw Error: unknown item 9 at 0 (line 16)"),
        ("north_tlv", 85, "02 00", "north_tlv.js threw RangeError"),
        ("north_tlv", 85, "01 65", "battery is 101: battery_percent is 0 to 100"),
    ],
)
def test_refusals_of_a_script_and_of_the_declaration(name: str, port: int, payload: str, why: str) -> None:
    """The message contains the line of the vendor's file."""
    with pytest.raises(Undecodable) as refusal:
        read(name, port, payload)
    assert why in str(refusal.value)


def test_a_declared_codec_is_a_codec_like_any_other() -> None:
    codec = codecs.find("ACME-Bay-X1", dropins=VENDORS)
    assert (codec.device.vendor, codec.device.model, codec.device.ports) == ("Acme", "Bay X1", (1, 2, 3))
    assert codec.device.heartbeat == timedelta(hours=8)
    assert not codec.device.measures_distance
    assert codecs.find("north_tlv", dropins=VENDORS).device.measures_distance
    assert {"acme_bay_x1", "north_tlv", "chirpstack_bay"} <= set(codecs.names(dropins=VENDORS))
    with pytest.raises(codecs.BadOption, match="has no option occupied_below_mm"):
        codecs.bind(codec, {"occupied_below_mm": "1500"})


def test_input_follows_ts013(tmp_path: Path) -> None:
    """A list of numbers, the port, a Date, and empty variables."""
    (tmp_path / "echo.toml").write_text(
        'vendor = "E"\nmodel = "E"\nports = { 7 = [3] }\nreading = { fault = { path = "seen" } }\n'
    )
    (tmp_path / "echo.js").write_text(
        """
        function decodeUplink(input) {
          return { data: { seen: [Array.isArray(input.bytes), input.bytes.join(), input.fPort, input.recvTime instanceof Date,
            input.recvTime.toISOString(), JSON.stringify(input.variables), Object.keys(input).length].join(" ") } };
        }
        """
    )
    decode = codecs.bind(codecs.find("echo", dropins=tmp_path))
    reading = decode(Frame(port=7, payload=b"\x00\x7f\xff", received_at=NOON + timedelta(milliseconds=250)))
    assert reading.fault == "true 0,127,255 7 true 2026-11-23T12:00:00.250Z {} 4"
