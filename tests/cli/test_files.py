"""Files for other programs are listed, printed and copied, in a checkout as in an installation."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from parking_gateway.cli import app
from parking_gateway.process.shipped import ALL

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_the_sample_configuration_is_printed_as_it_is() -> None:
    assert run("config-example") == (0, (ROOT / "config.toml").read_text(), "")


def test_every_file_has_a_name_and_a_place() -> None:
    status, listed, _ = run("files", "list")
    rows = [line.split("\t") for line in listed.splitlines()[1:]]
    assert status == 0
    assert {row[0].split("/")[0] for row in rows} == {one.name for one in ALL}
    assert all(Path(row[1]).is_file() for row in rows)


def test_a_file_is_printed() -> None:
    assert run("files", "show", "mosquitto/mosquitto.acl")[1] == (ROOT / "docs/examples/mosquitto.acl").read_text()


@pytest.mark.parametrize("command", [["show", "nothing"], ["show", "systemd"], ["copy", "nothing", "."]])
def test_an_unknown_name_is_one_sentence(command: list[str]) -> None:
    status, _, error = run("files", *command)
    assert status == 1
    assert error == f"There is no file {command[1]}. `parking-gateway files list` shows their names.\n"


def test_a_copy_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mosquitto.acl").write_text("mine")
    status, printed, _ = run("files", "copy", "mosquitto", str(tmp_path))
    assert status == 0
    brokers = "".join(f"{tmp_path}/brokers/{one.name}\n" for one in sorted((ROOT / "docs/examples/brokers").iterdir()))
    assert printed == f"{brokers}{tmp_path}/mosquitto.acl is there already.\n{tmp_path}/mosquitto.conf\n"
    assert (tmp_path / "mosquitto.acl").read_text() == "mine"
    assert (tmp_path / "mosquitto.conf").read_text() == (ROOT / "docs/examples/mosquitto.conf").read_text()


def test_one_file_is_copied_alone(tmp_path: Path) -> None:
    run("files", "copy", "systemd/parking-gateway.service", str(tmp_path / "new"))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["parking-gateway.service"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, error = run("files", "copy", "config.toml", str(tmp_path / "file" / "folder"))
    assert status == 1
    assert error.startswith(f"{tmp_path}/file/folder/config.toml cannot be written: ")
