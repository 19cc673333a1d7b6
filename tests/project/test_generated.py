"""The generated files are current, complete and sufficient for a person."""

import re
from pathlib import Path

import pytest

from parking_gateway.decoding import codecs
from tools import generate
from tools.device_pages import pages

CHECKOUT = Path(__file__).parents[2]
PAGES = pages(CHECKOUT / "tests" / "decoders")
NAMES = [name.removesuffix(".md") for name in PAGES if name != "README.md"]


def test_the_generated_files_are_current() -> None:
    """Where this fails: `make generate`."""
    stale = [
        str(file) for folder, files in generate.folders(CHECKOUT).items() for file in generate.stale(folder, files)
    ]
    assert stale == []


def test_every_codec_has_a_page_and_a_row_of_the_index() -> None:
    ours = [codec.name for codec in codecs.modules() if codec.decode.__module__.startswith("decoders.")]
    assert ours == NAMES
    assert all(f"({name}.md) | `{name}` | " in PAGES["README.md"] for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_describes_the_device_and_its_handling(name: str) -> None:
    """The sentences that `docs/how-to/decoders.md` asks of a data sheet are there, and each frame has its reading."""
    page = PAGES[f"{name}.md"]
    assert "Calibration" in page
    assert "downlink" in page.lower()
    assert "\nSource" in page
    row = next(line for line in PAGES["README.md"].splitlines() if f"`{name}`" in line)
    assert row.split(" | ")[2].strip(), "the first sentence of the docstring is `<device>: <kind of sensor>.`"
    frames = page.split("## Frames")[1].split("| --- |")[1].splitlines()[1:]
    assert all(line.endswith(" |") and line.count("| ") >= 4 for line in frames)


def test_links_lead_somewhere() -> None:
    targets = {target for page in PAGES.values() for target in re.findall(r"\]\(([^)#]+)", page)}
    assert {"milesight_em410_rdl.md", "../../how-to/decoders.md", "../../how-to/onboarding.md"} <= targets
    assert all((CHECKOUT / "docs" / "reference" / "devices" / target).is_file() for target in targets)


def test_what_modules_share_stands_on_the_page_once() -> None:
    assert PAGES["dingtek_do201.md"].count("## `_dingtek`") == 1


def test_writing_makes_a_folder_hold_exactly_its_files(tmp_path: Path) -> None:
    files = {"a.md": b"a", "b.md": b"b"}
    folder = tmp_path / "docs" / "reference" / "devices"
    generate.write(folder, files)
    (folder / "a.md").write_bytes(b"edited")
    (folder / "gone.md").write_bytes(b"stale")
    assert list(generate.stale(folder, files)) == [folder / "a.md", folder / "gone.md"]
    generate.write(folder, files)
    assert list(generate.stale(folder, files)) == []
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files


def test_checking_writes_nothing_and_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("config.toml", "docs/reference/contract.md", "prometheus", "tests/decoders", "tests/recordings"):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).symlink_to(CHECKOUT / source)
    monkeypatch.chdir(tmp_path)
    refused = generate.main("--check")
    assert refused
    assert "schemas/space.json" in refused
    assert refused.endswith("Run: make generate")
    assert not (tmp_path / "schemas").exists()
    assert generate.main() is None
    assert generate.main("--check") is None
