"""Every codec is checked with its vectors and with any bytes. A contributor of a codec writes no test."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decoders import Frame, Reading, Undecodable, _probing, conformance
from parking_gateway.decoding import codecs

VECTORS = Path(__file__).parent
CODECS = [codecs.find(name) for name in codecs.names()]
NAMES = sorted({codec.module for codec in CODECS if codec.decode.__module__ == f"decoders.{codec.module}"})
"""The modules of this project. Firmware lines are tested with their module; installed packages have tests of their own."""


def bound(name: str) -> Iterator[conformance.Decode]:
    """Bind the codec with the options of each of its vectors and lines."""
    vectors = conformance.load(VECTORS / f"{name}.toml")
    for line in codecs.find(name).device.lines:
        yield codecs.bind_assuming(codecs.find(line))
    for vector in vectors.vector:
        yield codecs.bind(codecs.find(vector.line or name), vectors.options_of(vector))


def test_every_codec_has_vectors_and_every_file_of_vectors_a_codec() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in VECTORS.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_vectors_hold(name: str) -> None:
    """There are occupied, vacant and refused vectors, readings are exact, and frames that are cut short are refused."""

    def bind(line: str | None, options: Mapping[str, str]) -> conformance.Decode:
        return codecs.bind(codecs.find(line or name), options)

    vectors = conformance.load(VECTORS / f"{name}.toml")
    codec = codecs.find(name)
    assert conformance.complaints(vectors, bind, codec.commands, device=codec.device) == []


@pytest.mark.parametrize("name", [name for name in NAMES if codecs.find(name).device.measures_distance])
def test_the_bytes_of_a_distance_are_found(name: str) -> None:
    """So the values that are no distance are tried on every codec that measures one."""
    vectors, measured = conformance.load(VECTORS / f"{name}.toml"), codecs.find(name).device.measures["distance_mm"]
    assert any(
        list(_probing.carriers(vector.frame(), partial(conformance.outcome, decode), "distance_mm", measured))
        for vector in vectors.vector
        for decode in (codecs.bind(codecs.find(vector.line or name), vectors.options_of(vector)),)
    )


@pytest.mark.parametrize("name", NAMES)
def test_lines_begin_with_the_name_of_their_module(name: str) -> None:
    """So a line is found without importing all modules."""
    for line, options in codecs.find(name).device.lines.items():
        assert line.startswith(name)
        assert line == name or codecs.find(line).presets == options


def frames(name: str) -> st.SearchStrategy[Frame]:
    """Any bytes on any port, and good payloads with something replaced, inserted, cut or added."""
    vectors = conformance.load(VECTORS / f"{name}.toml").vector
    known = st.sampled_from([vector.frame() for vector in vectors])
    bent = st.builds(
        lambda frame, start, end, middle: Frame(
            port=frame.port,
            payload=frame.payload[:start] + middle + frame.payload[end:],
            received_at=frame.received_at,
        ),
        known,
        st.integers(0, 30),
        st.integers(0, 60),
        st.binary(max_size=4),
    )
    ports = st.sampled_from([*{vector.port for vector in vectors}]) | st.integers(1, 255)
    return bent | st.builds(Frame, port=ports, payload=st.binary(max_size=60), received_at=st.just(conformance.NOON))


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_on_any_port_give_a_reading_or_a_refusal(name: str) -> None:
    """Nothing else is raised, the same frame gives the same reading, and no reading is impossible."""
    ways = list(bound(name))
    measures = codecs.find(name).device.measures

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(frame=frames(name), decode=st.sampled_from(ways))
    def law(frame: Frame, decode: conformance.Decode) -> None:
        outcome = conformance.outcome(decode, frame)
        assert repr(outcome) == repr(conformance.outcome(decode, frame))
        if isinstance(outcome, Undecodable):
            assert str(outcome), "a refusal without a message"
            return
        assert isinstance(outcome, Reading)
        assert list(conformance.impossible(outcome, measures)) == []

    law()
