"""The command of `make install-page`: the page docs/install.md as it stands, in a clean Debian root."""

import sys
import time

import typer

from tests.pages import clean_root, installing, machine


def main() -> str | None:
    """Run the page. Returns why it failed."""
    began = time.monotonic()
    root = clean_root.cached()
    typer.echo(f"The root is {root}, after {time.monotonic() - began:.0f} s.")
    began = time.monotonic()
    try:
        output = machine.run(root, installing.in_clean_root(), environment=clean_root.ENVIRONMENT)
    except AssertionError as failed:
        return str(failed)
    typer.echo(output)
    typer.echo(f"Every block of {installing.PAGE} was run, in {time.monotonic() - began:.0f} s.")
    return None


if __name__ == "__main__":
    sys.exit(main())
