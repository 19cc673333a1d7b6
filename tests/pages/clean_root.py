"""A clean Debian 12, with all that docs/install.md downloads beside it. It is made once, and kept in the user's cache."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.pages.blocks import of_page
from tests.pages.installing import PAGE
from tests.pages.machine import CHECKOUT

ENVIRONMENT: Final[Mapping[str, str]] = {
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/var/cache/wheels",
}
"""Of the commands: their machine has no network, so all downloads come from the root."""
_SUITE: Final = "bookworm"
_PINNED: Final = CHECKOUT / "requirements" / "gateway.txt"
_OFFLINE: Final = 'APT::Sandbox::User "root"; Acquire::Retries "0";\n'


def cached() -> Path:
    """The folder of the root. Its name depends on the packages, so another page or another pin makes another root."""
    packages = _packages()
    key = hashlib.sha256(repr((packages, _PINNED.read_bytes())).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "parking-gateway" / f"{_SUITE}-{key}"
    if not folder.exists():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        _make(half, packages)
        half.rename(folder)
    return folder


def _packages() -> list[str]:
    """Those that the page installs."""
    (line,) = (
        line for block in of_page(CHECKOUT, PAGE) for line in block.commands.splitlines() if "apt-get install" in line
    )
    return [word for word in line.split()[2:] if not word.startswith("-")]


def _make(folder: Path, packages: list[str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # systemd is in every Debian; minbase leaves it out, and the page uses systemd-sysusers and systemd-tmpfiles.
    options = ["--variant=minbase", "--include=systemd", "--skip=cleanup/apt", f"--aptopt={_OFFLINE.strip()}"]
    subprocess.run(["mmdebstrap", "--quiet", *options, _SUITE, folder], check=True)
    (folder / "etc/apt/apt.conf.d/99offline").write_text(_OFFLINE)
    download = ["apt-get", "install", "--yes", "--quiet", "--download-only", "--no-install-recommends", *packages]
    subprocess.run(["chroot", folder, *download], check=True, stdout=subprocess.DEVNULL)
    (folder / "etc/resolv.conf").write_text("")  # so that a name is refused at once
    wheels = folder / ENVIRONMENT["PIP_FIND_LINKS"].lstrip("/")
    pip: list[str | Path] = [CHECKOUT / ".venv/bin/pip", "--disable-pip-version-check", "--quiet", "download"]
    subprocess.run([*pip, "--require-hashes", "-r", _PINNED, "-d", wheels], check=True)
