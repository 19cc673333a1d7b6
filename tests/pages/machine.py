"""A machine to throw away: a copy of a root, in which nothing that is written stays, with a network of its own."""

import fcntl
import os
import shlex
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.pages.blocks import Block

CHECKOUT: Final = Path(__file__).parents[2]
"""It has the same path in the copy, read-only."""
WORKING: Final = "/usr/local/src/parking-gateway"
"""A copy of the checkout, in which the commands run."""
_STAND_INS: Final = CHECKOUT / "tests" / "pages" / "stand_ins"
_PATH: Final = f"{_STAND_INS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAYERS: Final = Path("/mnt")
_UP, _GET_FLAGS, _SET_FLAGS = 0x1, 0x8913, 0x8914


def run(
    root: Path, blocks: Iterable[Block], *, environment: Mapping[str, str] | None = None, patience: float | None = None
) -> str:
    """Run the blocks in one shell, in the working copy. Returns all that was printed. The first failure ends it.

    After `patience` seconds it is ended, and fails.
    """
    steps = [f'\necho "@@@ {page}:{line}, after $SECONDS s"\n{commands}\n' for page, line, commands in blocks]
    script = ["exec 2>&1\nset -euo pipefail\n", _working_copy(), *steps]
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen(
        [*namespaces, sys.executable, "-m", "tests.pages.machine", str(root)],
        text=True,
        errors="replace",  # the bytes of a table are printed too
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **(environment or {})},
    ) as process:
        try:
            printed, _ = process.communicate("".join(script), timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()  # and with it, all that runs in its namespaces
            printed, _ = process.communicate()
    if process.returncode:
        before, _, last = printed.rpartition("@@@ ")
        raise AssertionError(f"status {process.returncode} at {last or before}")
    return printed


def _working_copy() -> str:
    """The commands that make it, of the files that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    names = sorted({name.partition("/")[0] for name in listed.split("\0") if name and not name.startswith(".")})
    return f"mkdir -p {WORKING}; cd {CHECKOUT}; cp -r {shlex.join(names)} {WORKING}; cd {WORKING}\n"


def enter(root: Path) -> None:
    """Become a shell in a copy of the root. The process is alone in its namespaces."""
    _bring_up("lo")
    copy = _copy_of(root)
    for folder in ("dev", "sys"):
        _mount("--rbind", f"/{folder}", copy / folder)
    _mount("-t", "proc", "proc", copy / "proc")
    _mount("-t", "tmpfs", "-o", "mode=1777", "none", copy / "tmp")
    _mount("-t", "tmpfs", "-o", "mode=0755", "none", copy / "run")
    here = copy / CHECKOUT.relative_to("/")
    here.mkdir(parents=True, exist_ok=True)
    _mount("--bind", "-o", "ro", CHECKOUT, here)
    os.chroot(copy)
    os.chdir("/")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "DEBIAN_"))}
    environment = {"PATH": _PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **kept}
    os.execve("/bin/bash", ["bash"], environment)


def _copy_of(root: Path) -> Path:
    """The root beneath, and a layer in memory above it."""
    _mount("-t", "tmpfs", "none", _LAYERS)
    for name in ("upper", "work", "copy"):
        (_LAYERS / name).mkdir()
    places = f"lowerdir={root},upperdir={_LAYERS}/upper,workdir={_LAYERS}/work"
    _mount("-t", "overlay", "-o", places, "overlay", _LAYERS / "copy")
    return _LAYERS / "copy"


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def _bring_up(interface: str) -> None:
    """So that servers of this network can be reached from it."""
    with socket.socket() as any_socket:
        request = struct.pack("16sH14x", interface.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", interface.encode(), flags | _UP))


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
