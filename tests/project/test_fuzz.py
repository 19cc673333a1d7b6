"""The seeds and the corpus of `make fuzz` obey the laws of their targets."""

import base64
from pathlib import Path

import pytest

from fuzz.targets import TARGETS

CORPUS = Path(__file__).parents[2] / "fuzz" / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_kept_inputs_break_no_law(name: str) -> None:
    """Each input can also be described to a person."""
    target = TARGETS[name]
    file = CORPUS / f"{name}.txt"
    kept = file.read_text().split() if file.is_file() else []  # a new family has no corpus yet
    inputs = [*target.seeds(), *map(base64.b64decode, kept)]
    assert len(inputs) > len(kept)
    for data in inputs:
        target.try_out(data)
        assert target.described(data)


def test_every_codec_and_every_declaration_of_the_tests_is_a_target() -> None:
    ours = {file.stem for file in (CORPUS.parents[1] / "decoders").glob("[!_]*.py")}
    codecs = ours - {"conformance", "measuring", "readings"}
    assert {name.partition("_")[0] for name in codecs} | {"declarations", "declared", "events"} == set(TARGETS)


def test_every_kept_input_belongs_to_a_target() -> None:
    assert {file.stem for file in CORPUS.glob("*.txt")} <= set(TARGETS)
