"""The Debian package is built, installed, upgraded, removed and purged, in a copy of this machine that is thrown away.

systemd is not running there, so a stand-in of `systemctl` writes down its calls and names one running gateway.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.conftest import CHECKOUT, build

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dpkg-deb") is None, reason="a Debian package is installed by root, on Debian"
)

LIFE = CHECKOUT / "tests" / "packages" / "life.sh"
OWN = "/usr/lib/parking-gateway"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> dict[str, list[str]]:
    """What every step of the package's life printed. One worker builds it for all, because it takes twenty seconds."""
    for_all = tmp_path_factory.getbasetemp().parent / f"debian-{testrun_uid}.json"
    with for_all.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if written := file.read():
            found: dict[str, list[str]] = json.loads(written)
            return found
        found = _lived(tmp_path_factory.mktemp("debian"))
        file.write(json.dumps(found))
    return found


def _lived(folder: Path) -> dict[str, list[str]]:
    wheel = build("wheel", folder)
    command = [CHECKOUT / "packaging" / "debian" / "build", wheel]
    settings = {"COMPRESSION": "none", "UV": str(Path(sys.executable).with_name("uv"))}
    built = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=240)
    assert built.returncode == 0, built.stderr
    (package,) = folder.glob("*.deb")
    lived = subprocess.run(
        ["unshare", "--mount", "--fork", "bash", LIFE, package],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert lived.returncode == 0, lived.stdout + lived.stderr
    found: dict[str, list[str]] = {}
    for line in lived.stdout.splitlines():
        if line.startswith("== "):
            found[line.removeprefix("== ")] = []
        elif found:
            found[[*found][-1]].append(line)
    return found


def test_the_command_runs_by_the_python_of_debian(steps: dict[str, list[str]]) -> None:
    assert steps["version"] == [f"{OWN}/lib/python3.{sys_minor()}/site-packages/parking_gateway/__init__.py"]


def test_no_module_is_compiled_again_by_a_user(steps: dict[str, list[str]]) -> None:
    """The service may not write there, so each start would compile all modules."""
    assert steps["not compiled"] == []


def test_user_and_folders_are_made(steps: dict[str, list[str]]) -> None:
    assert steps["places"] == [
        "root root 755 /etc/parking-gateway",
        "root root 644 /etc/parking-gateway/config.toml",
        "parking-gateway parking-gateway 700 /var/lib/parking-gateway",
    ]


def test_the_units_start_the_command_of_the_package(steps: dict[str, list[str]]) -> None:
    assert steps["units"] == [
        "ExecStart=/usr/bin/parking-gateway run --config /etc/parking-gateway/%i.toml",
        "ExecStart=/usr/bin/parking-gateway run --config /etc/parking-gateway/config.toml",
    ]


def test_the_shell_completes(steps: dict[str, list[str]]) -> None:
    assert steps["completion"] == ["decode decoders demo devices doctor"]


def test_man_finds_the_page(steps: dict[str, list[str]]) -> None:
    assert steps["manual"] == ["/usr/share/man/man1/parking-gateway.1.gz"]


def test_nothing_is_started_before_it_is_configured(steps: dict[str, list[str]]) -> None:
    assert steps["calls of installing"] == ["daemon-reload"]


def test_an_upgrade_stops_the_gateways_and_starts_them_again(steps: dict[str, list[str]]) -> None:
    assert [call for call in steps["calls of upgrading"] if not call.startswith("list-units")] == [
        "stop parking-gateway@north.service",
        "daemon-reload",
        "daemon-reload",
        "start parking-gateway@north.service",
    ]


def test_an_upgrade_keeps_the_configuration_and_the_data(steps: dict[str, list[str]]) -> None:
    assert steps["upgraded"] == ["# mine", "0.1.0+next", "/var/lib/parking-gateway/journal.sqlite"]


def test_a_removal_keeps_configuration_and_data_and_leaves_no_module(steps: dict[str, list[str]]) -> None:
    assert steps["removed"] == ["/etc/parking-gateway/config.toml", "/var/lib/parking-gateway/journal.sqlite"]


def test_a_purge_keeps_data_and_passwords(steps: dict[str, list[str]]) -> None:
    assert steps["purged"] == ["/etc/parking-gateway/mqtt__password", "/var/lib/parking-gateway/journal.sqlite"]


def test_a_purge_removes_all_where_that_was_asked_for(steps: dict[str, list[str]]) -> None:
    assert steps["purged with the data"] == []


def sys_minor() -> int:
    """Of Debian's Python."""
    command = ["/usr/bin/python3", "-c", "import sys; print(sys.version_info[1])"]
    return int(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
