"""Commands for the files that are shipped with the program."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from parking_gateway.cli.opened import bytes_of, fail
from parking_gateway.cli.shown import show_line, show_table
from parking_gateway.process import shipped

app = typer.Typer(name="files", help="List, print and copy files for other programs.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `files list` shows it.")]


def config_example() -> None:
    """Print the sample configuration.

    Every key has its default and an explanation.

    For example:

        parking-gateway config-example > config.toml
    """
    _print(shipped.CONFIGURATION.path)


@app.command("list")
def list_() -> None:
    """List the shipped files, with their places on this machine.

    For example:

        parking-gateway files list
    """
    show_table(
        ("name", "path", "purpose"),
        [(name, path, one.purpose) for one in shipped.ALL for name, path in one.files()],
    )


@app.command()
def show(name: Name) -> None:
    """Print a file.

    For example:

        parking-gateway files show mosquitto/mosquitto.acl
    """
    found = {file: path for one in shipped.ALL for file, path in one.files()}
    if name not in found:
        fail(f"There is no file {name}. `parking-gateway files list` shows their names.")
    _print(found[name])


@app.command()
def copy(
    name: Name, folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="It is made if it is missing.")]
) -> None:
    """Copy files into a folder.

    The name is that of one file, or of several such as `systemd`. A file that is there already stays as it is.

    For example:

        parking-gateway files copy mosquitto /etc/mosquitto
    """
    chosen = [
        (path, folder / file.removeprefix(f"{name}/") if file != name else folder / path.name)
        for one in shipped.ALL
        for file, path in one.files()
        if file == name or file.startswith(f"{name}/")
    ]
    if not chosen:
        fail(f"There is no file {name}. `parking-gateway files list` shows their names.")
    for source, target in chosen:
        if target.exists():
            show_line(f"{target} is there already.")
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            fail(f"{target} cannot be written: {error.strerror}.")
        show_line(str(target))


def _print(file: Path) -> None:
    typer.echo(bytes_of(file), nl=False)
