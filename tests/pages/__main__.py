"""The commands of `make install-page` and `make commands`.

`python -m tests.pages` runs the page docs/install.md as it stands, in a clean Debian root. With `--all` it runs every page, on a
copy of this machine.
"""

import sys
import time
from pathlib import Path

import typer

from tests.pages import clean_root, installing, machine, reading


def main(*arguments: str) -> str | None:
    """Run the page or the pages. Returns why that failed."""
    began = time.monotonic()
    try:
        if "--all" in arguments:
            printed = machine.run(Path("/"), reading.in_their_order())
        else:
            root = clean_root.cached()
            typer.echo(f"The root is {root}, after {time.monotonic() - began:.0f} s.")
            began = time.monotonic()
            printed = machine.run(root, installing.in_clean_root(), environment=clean_root.ENVIRONMENT)
    except AssertionError as failed:
        return str(failed)
    typer.echo(printed)
    typer.echo(f"Every block was run, in {time.monotonic() - began:.0f} s.")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
