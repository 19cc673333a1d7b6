"""The version of a codec changes when one of its files changes, and with nothing else."""

import ast
import os
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

import decoders
import parking_gateway
from parking_gateway.decoding import codecs
from parking_gateway.decoding.codecs import version
from parking_gateway.decoding.codecs.version import version_of

FOLDER = Path(decoders.__path__[0])
DECLARATION = """
vendor = "Acme"
model = "X1"
ports = { 1 = [1] }
[reading.counter]
path = "count"
"""


def imported_by(file: Path) -> set[str]:
    """The modules of `decoders` that a file imports, as Python itself reads it."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "decoders":
            found |= {f"decoders.{one.name}" for one in node.names if (FOLDER / f"{one.name}.py").is_file()}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("decoders."):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names if one.name.startswith("decoders.")}
    return found


@pytest.mark.parametrize("file", sorted(FOLDER.glob("[!_]*.py")), ids=lambda file: file.stem)
def test_a_codec_is_made_of_its_module_and_of_every_module_of_ours_that_it_imports(file: Path) -> None:
    left, expected = [file], set[str]()
    while left:
        new = imported_by(left.pop()) - expected
        expected |= new
        left += [FOLDER / f"{one.removeprefix('decoders.')}.py" for one in new]
    assert set(version.modules_of(file.read_text())) == expected


def test_codecs_of_one_module_have_one_version_and_their_own_names() -> None:
    module, line = codecs.find("bosch_tps110"), codecs.find("bosch_tps110_v029")
    assert module.version == line.version
    assert str(line.identity) == f"bosch_tps110_v029@{module.version}"
    assert version_of("decoders.dingtek_do200") != version_of("decoders.dingtek_do201")


def test_a_codec_in_an_archive_has_the_same_version(tmp_path: Path) -> None:
    archive = tmp_path / "all.zip"
    with ZipFile(archive, "w") as packed:
        for root in (FOLDER, Path(parking_gateway.__path__[0])):
            for file in (one for kind in ("*.py", "*.js") for one in root.rglob(kind)):
                packed.write(file, file.relative_to(root.parent))
    program = (
        "import decoders;"
        "from parking_gateway.decoding.codecs.version import version_of;"
        "print(decoders.__file__, version_of('decoders.dragino_ldds75'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [f"{archive}/decoders/__init__.py", version_of("decoders.dragino_ldds75")]


def test_a_file_of_the_folder_has_a_version_of_its_own_and_of_what_it_takes_from_ours(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("A = 1\n")
    first = version_of(file)
    file.write_bytes(b"A = 1\r\n")
    assert version_of(file) == first
    file.write_text("from decoders._dragino import reading\n")
    assert version_of(file) != first
    shared = version.modules_of((FOLDER / "_dragino.py").read_text())
    assert version.modules_of(file.read_text()) == sorted([*shared, "decoders._dragino"])


def test_a_declared_codec_is_both_of_its_files(tmp_path: Path) -> None:
    declaration, script = tmp_path / "own.toml", tmp_path / "own.js"
    declaration.write_text(DECLARATION)
    alone = codecs.find("own", dropins=tmp_path).version
    script.write_text("function decodeUplink(input) { return {data: {count: 1}}; }")
    with_script = version_of(declaration)
    declaration.write_text(DECLARATION.replace("X1", "X2"))
    assert len({alone, with_script, version_of(declaration)}) == 3


def test_a_package_of_others_has_its_own_version(tmp_path: Path) -> None:
    package = tmp_path / "acme-1.2.3.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2.3\n")
    (package / "entry_points.txt").write_text(f"[{codecs.ENTRY_POINTS}]\nacme_x1 = acme.x1\n")
    (point,) = Distribution.at(package).entry_points
    assert version_of(point) == "1.2.3"


def test_a_guest_has_the_version_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(GUEST)
    assert codecs.find("own", dropins=tmp_path).version == version_of(tmp_path / "own.py")


GUEST = """from decoders import Device, Reading
DEVICE = Device(vendor="A", model="B", ports=())
def decode(frame):
    return Reading()
"""
