"""`python -m parking_gateway`, and what the script `parking-gateway` calls."""

from parking_gateway.cli import app


def main() -> None:
    """Do what the command line says, and exit."""
    app(prog_name="parking-gateway")


if __name__ == "__main__":
    main()
