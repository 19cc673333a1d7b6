"""The example codec in the documentation passes the conformance suite."""

import re
from collections.abc import Mapping
from pathlib import Path

from decoders import conformance
from parking_gateway.decoding import codecs

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "decoders.md"


def first(language: str) -> str:
    """Return the page's first block of code in that language."""
    block = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block, f"{PAGE} shows no {language}"
    return block[1]


def test_the_example_conforms_from_a_drop_in_folder(tmp_path: Path) -> None:
    (tmp_path / "acme_bay_x1.py").write_text(first("python"))
    (tmp_path / "acme_bay_x1.toml").write_text(first("toml"))

    def bind(line: str | None, options: Mapping[str, str]) -> conformance.Decode:
        return codecs.bind(codecs.find(line or "acme_bay_x1", dropins=tmp_path), options)

    vectors = conformance.load(tmp_path / "acme_bay_x1.toml")
    device = codecs.find("acme_bay_x1", dropins=tmp_path).device
    assert conformance.complaints(vectors, bind, device=device) == []


def test_every_codec_of_the_page_exists() -> None:
    """The page names only codecs that exist."""
    named = set(re.findall(r"`((?:nwave|milesight)_[a-z0-9_]+)`", PAGE.read_text()))
    assert named
    assert named <= set(codecs.names())
