"""The wheel has the gateway, its codecs and the files that operators need, and nothing else of the checkout."""

import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from parking_gateway.process.shipped import ALL
from tests.project.conftest import CHECKOUT, build

IMPORT_ALL = """
import importlib, pkgutil
import decoders, parking_gateway
from parking_gateway.store import schema

for package in (decoders, parking_gateway):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(schema.SCRIPTS)
print(schema.newest())
"""


@pytest.fixture(scope="module")
def wheel(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    with ZipFile(built_wheel) as archive:
        archive.extractall(folder)
    return folder


def files_of(folder: Path) -> set[str]:
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_it_holds_two_packages(wheel: Path) -> None:
    """No tests, no tools, and no package of so common a name as `migrations`."""
    names = {entry.name for entry in wheel.iterdir() if entry.suffix not in (".data", ".dist-info")}
    assert names == {"parking_gateway", "decoders"}


def test_the_packages_are_those_of_the_checkout_with_other_files_inside(wheel: Path) -> None:
    assert files_of(wheel / "decoders") == files_of(CHECKOUT / "decoders")
    migrations = {f"migrations/{name}" for name in files_of(CHECKOUT / "migrations")}
    shipped = {f"shipped/{name}" for one in ALL for name, _ in one.files()}
    assert files_of(wheel / "parking_gateway") == files_of(CHECKOUT / "parking_gateway") | migrations | shipped


def test_shells_and_man_find_their_files_below_share(wheel: Path) -> None:
    (data,) = wheel.glob("*.data")
    assert files_of(data / "data" / "share") == files_of(CHECKOUT / "packaging" / "shell")


def test_the_sdist_builds_the_same_wheel(built_wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("parking_gateway-*")
    again = build("wheel", tmp_path / "again", source=source)
    assert again.name == built_wheel.name
    assert again.read_bytes() == built_wheel.read_bytes()


def test_every_module_can_be_imported_from_it_alone(wheel: Path) -> None:
    """With its dependencies beside it and without a checkout, as on the machine of an operator."""
    # -S leaves out the editable installation of the checkout in this environment.
    paths = os.pathsep.join([str(wheel), sysconfig.get_path("purelib")])
    command = [sys.executable, "-S", "-P", "-c", IMPORT_ALL]
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, cwd=wheel, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    scripts, newest = done.stdout.splitlines()
    assert Path(scripts) == wheel / "parking_gateway" / "migrations"
    assert newest == max(file.name[:4] for file in (CHECKOUT / "migrations" / "versions").glob("[0-9]*.py"))
