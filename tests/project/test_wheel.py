"""The wheel has the gateway and its codecs, with the migrations inside, and nothing else of the checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[2]
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
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "built")]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, timeout=120)
    (built,) = (folder / "built").iterdir()
    with ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def files_of(folder: Path) -> set[str]:
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_it_holds_two_packages(wheel: Path) -> None:
    """No tests, no tools, and no package of so common a name as `migrations`."""
    names = {entry.name for entry in wheel.iterdir() if entry.suffix != ".dist-info"}
    assert names == {"parking_gateway", "decoders"}


def test_the_packages_are_those_of_the_checkout_with_the_migrations_inside(wheel: Path) -> None:
    for package in ("decoders", "parking_gateway"):
        added = {f"migrations/{name}" for name in files_of(CHECKOUT / "migrations") if package == "parking_gateway"}
        assert files_of(wheel / package) == files_of(CHECKOUT / package) | added


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
