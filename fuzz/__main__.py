"""The command of `make fuzz`: fuzzes each target for its share of the time, from its seeds and its corpus."""

import base64
import importlib.util
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from fuzz.target import FuzzTarget
from fuzz.targets import TARGETS

HERE: Final = Path(__file__).parent
CRASHES: Final = HERE / "crashes"


def fuzz(
    target: Annotated[list[str] | None, typer.Argument(help=f"{' or '.join(TARGETS)}; all of them by default")] = None,
    *,
    seconds: Annotated[int, typer.Option(help="for all of them together")] = 60,
) -> None:
    """Fuzz with random bytes, and fail if a law is broken.

    Inputs that reach new code are added to fuzz/corpus/TARGET.txt.
    """
    if importlib.util.find_spec("atheris") is None:
        typer.echo(
            f"atheris, which is needed for fuzzing, is not installed: its wheels are for CPython 3.11 to 3.13 on Linux,"
            f" x86_64, and this is {platform.python_implementation()} {platform.python_version()} on {platform.system()},"
            f" {platform.machine()}.",
            err=True,
        )
        raise typer.Exit(1)
    chosen = target or list(TARGETS)
    if unknown := sorted(set(chosen) - TARGETS.keys()):
        raise typer.BadParameter(f"{unknown[0]} is no target: {', '.join(TARGETS)}")
    codes = [_run(name, TARGETS[name], seconds=max(1, seconds // len(chosen))) for name in chosen]
    raise typer.Exit(max(codes))


def _run(name: str, target: FuzzTarget, *, seconds: int) -> int:
    kept = HERE / "corpus" / f"{name}.txt"
    with TemporaryDirectory() as folder:
        found, known = Path(folder, "found"), Path(folder, "known")
        found.mkdir()
        known.mkdir()
        lines = kept.read_text().split() if kept.is_file() else []
        for number, data in enumerate([*target.seeds(), *map(base64.b64decode, lines)]):
            (known / str(number)).write_bytes(data)
        CRASHES.mkdir(exist_ok=True)
        earlier = set(CRASHES.iterdir())
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={target.longest}",
            f"-artifact_prefix={CRASHES}/{name}-",
            "-timeout=10",
            "-print_final_stats=1",
        ]
        code = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "fuzz.run", name, *options, found, known], check=False
        ).returncode
        new = {base64.b64encode(file.read_bytes()).decode() for file in found.iterdir()}
    kept.write_text("".join(f"{line}\n" for line in sorted({*lines, *new})))
    typer.echo(f"{name}: {'failed' if code else 'nothing failed'}, {len(new)} new in {kept.relative_to(HERE.parent)}")
    for file in sorted(set(CRASHES.iterdir()) - earlier):
        typer.echo(f"To repeat the failure: {sys.executable} -m fuzz.run {name} {file.relative_to(HERE.parent)}")
    return code


if __name__ == "__main__":
    typer.run(fuzz)
