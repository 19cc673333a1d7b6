"""`python -m parking_gateway`, and what the script `parking-gateway` calls."""

from typing import Final

from parking_gateway.process import signals

_WRONG_USAGE: Final = 2
"""What the command line library exits with."""


def main() -> None:
    """Do what the command line says, and exit: 0, 1 where it cannot be done, 78 where the configuration is wrong.

    After a signal it is what shells call it by: 130 for Ctrl-C, 143 for SIGTERM.
    """
    signals.end_at_once()
    from parking_gateway.cli import app  # noqa: PLC0415 - while it is imported, a signal is obeyed already

    try:
        app(prog_name="parking-gateway")
    except SystemExit as end:
        if end.code != _WRONG_USAGE:
            raise
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
