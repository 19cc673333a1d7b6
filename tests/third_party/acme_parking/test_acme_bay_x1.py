"""The package's own test: the conformance suite of parking-gateway runs on its codec, which is found by its entry point."""

from collections.abc import Mapping
from pathlib import Path

from decoders import conformance
from parking_gateway.decoding import codecs

NAME = "acme_bay_x1"


def test_bay_x1() -> None:
    vectors = conformance.load(Path(__file__).with_name(f"{NAME}.toml"))

    def bind(line: str | None, options: Mapping[str, str]) -> conformance.Decode:
        return codecs.bind(codecs.find(line or NAME), options)

    assert conformance.complaints(vectors, bind, device=codecs.find(NAME).device) == []
