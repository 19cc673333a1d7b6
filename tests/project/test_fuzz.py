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
    kept = (CORPUS / f"{name}.txt").read_text().split()
    inputs = [*target.seeds(), *map(base64.b64decode, kept)]
    assert len(inputs) > len(kept) > 0
    for data in inputs:
        target.try_out(data)
        assert target.described(data)
