"""The entry point of `parking-gateway` and of `python -m parking_gateway`."""

import sys
from typing import Final

from parking_gateway import __version__
from parking_gateway.process import signals

_WRONG_USAGE: Final = 2
"""The status with which typer ends after wrong usage."""


def main() -> None:
    """Run the command, and exit with 0 (done), 1 (failed) or 78 (the configuration is wrong).

    After a signal the status is that of a shell: 130 for Ctrl-C, 143 for SIGTERM.
    """
    signals.end_at_once()
    if _is_run(sys.argv[1:]):
        signals.hold_reload()
    if sys.argv[1:] in (["version"], ["--version"]):
        sys.stdout.write(f"{__version__}\n")  # without the import of the command line, which takes ten times as long
        return
    from parking_gateway.cli import app  # noqa: PLC0415 - a signal during this import ends the program already

    try:
        app(prog_name="parking-gateway")
    except SystemExit as end:
        if end.code != _WRONG_USAGE:
            raise
        raise SystemExit(1) from None


def _is_run(arguments: list[str]) -> bool:
    return "run" in arguments and all(before.startswith("-") for before in arguments[: arguments.index("run")])


if __name__ == "__main__":
    main()
