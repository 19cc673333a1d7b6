"""Whatever the files of a checkout contain: it is read, and what cannot be used is left out or named."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parking_gateway.decoding.declared.bench import Bench
from parking_gateway.decoding.importing import layouts
from parking_gateway.decoding.importing.installing import texts
from parking_gateway.decoding.importing.preparing import name_of, prepared
from parking_gateway.decoding.importing.published import NotUsable
from tests.decoding.importing import checkouts

SCALARS = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(allow_nan=True) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
BYTES = st.lists(st.integers(0, 255), max_size=4)
EXAMPLE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("uplink"),
        "description": VALUES,
        "input": st.fixed_dictionaries({}, optional={"fPort": st.integers(0, 300) | VALUES, "bytes": BYTES | VALUES, "recvTime": VALUES}),
        "output": st.fixed_dictionaries({"data": VALUES}) | VALUES,
        "normalizedOutput": VALUES,
    },
)  # fmt: skip
ECHO = "function decodeUplink(input) { return { data: input, errors: [] }; }"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.end()


def is_taken_in(root: Path, bench: Bench) -> None:
    """Read, try and prepare all of a checkout. Any exception but `NotUsable` fails the test."""
    checkout = layouts.read(root)
    for codec in checkout.codecs:
        tried = prepared(codec, bench)
        sources = {field: guess.source for field, guess in tried.guesses.items()}
        with suppress(NotUsable):
            texts(tried, checkout, name=name_of(codec, checkout), sources=sources, sizes=tried.sizes)


@settings(max_examples=8, deadline=None)
@given(examples=st.lists(EXAMPLE, max_size=3) | VALUES, device=VALUES, versions=VALUES)
def test_any_content_of_the_files_is_taken_in(bench: Bench, examples: Any, device: Any, versions: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = checkouts.the_things_network(Path(folder) / "ttn")
        codec = {"uplinkDecoder": {"fileName": "bay.js", "examples": examples}}
        (root / "vendor/acme/bay-codec.yaml").write_text(json.dumps(codec))
        (root / "vendor/acme/bay-x1.yaml").write_text(json.dumps({"name": device, "firmwareVersions": versions}))
        (root / "vendor/acme/bay.js").write_text(ECHO)
        is_taken_in(root, bench)
        root = checkouts.actility(Path(folder) / "actility")
        shutil.rmtree(root / "vendors/acme/drivers/old")
        (root / "vendors/acme/drivers/sonar/examples.json").write_text(json.dumps(examples))
        (root / "vendors/acme/drivers/sonar/index.js").write_text(ECHO)
        (root / "vendors/acme/vendor.yaml").write_text(json.dumps(device))
        is_taken_in(root, bench)
