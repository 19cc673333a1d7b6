"""Mosquittos of regions, with the files that the commands wrote, and a central one with the bridge."""

import subprocess
from pathlib import Path

from typer.testing import CliRunner

from parking_gateway.cli import app
from parking_gateway.cli.regions import passwords

CHIRPSTACK = "chirpstack"
_RIGHTS = f"user {CHIRPSTACK}\ntopic write application/+/device/+/event/+\n"
_SECURED = """
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
"""


def run(*arguments: str) -> str:
    """Run a command for regions. Returns its output."""
    result = CliRunner().invoke(app, ["regions", *arguments])
    assert result.exit_code == 0, result.output + result.stderr
    return result.stdout


def secure(folder: Path, *written: Path) -> str:
    """Let the broker in this folder, which is not started yet, have the users and rights of these folders.

    Returns ChirpStack's password.
    """
    password = passwords.new()
    texts = {
        "passwords": f"{passwords.for_mosquitto(CHIRPSTACK, password)}\n",
        "acl": _RIGHTS,
    }
    for kind, first in texts.items():
        # `prepare` writes broker.acl, and `bridge` writes bridge.acl.
        found = [file.read_text() for one in written for file in sorted(one.glob(f"b*.{kind}"))]
        assert len(found) == len(written)
        (folder / kind).write_text(first + "".join(found))
        (folder / kind).chmod(0o600)
    with (folder / "mosquitto.conf").open("a") as conf:
        conf.write(_SECURED.format(folder=folder))
    return password


def add_bridge(folder: Path, bridge: Path) -> None:
    """Let the broker in this folder, which is not started yet, be the central one."""
    with (folder / "mosquitto.conf").open("a") as conf:
        conf.write((bridge / "bridge.conf").read_text())


def retained_spaces(port: int, root: str, number: int, *, seconds: int) -> dict[str, bytes]:
    """The retained messages of the spaces below a root, as many as there have to be. Raises CalledProcessError for fewer.

    `mosquitto_sub` reads them, because a hundred thousand of them take a client in Python too long.
    """
    topic = f"{root}/spaces/#"
    command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", str(number), "-W", str(seconds), "-F", "%t\t%p"]
    lines = subprocess.run([*command, "-q", "1"], check=True, capture_output=True).stdout.splitlines()
    return {line.partition(b"\t")[0].decode(): line.partition(b"\t")[2] for line in lines}
