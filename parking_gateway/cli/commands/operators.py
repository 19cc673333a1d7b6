"""Commands about operators of the board and programs of the HTTP API: what the section [web] has of them."""

import sys

import typer

from parking_gateway.cli.opened import fail

app = typer.Typer(name="operators", help="Make hashes for the section [web].", no_args_is_help=True)

_SHORTEST_PASSWORD = 8


@app.command("hash")
def hash_() -> None:
    """Ask for a password, and print its hash.

    The hash is for web.operators.

    Without a terminal, it is the first line of standard input.

    For example:

        parking-gateway operators hash
    """
    from parking_gateway.web.passwords import hash_of  # noqa: PLC0415 - not for the help

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < _SHORTEST_PASSWORD:
        fail(f"A password has at least {_SHORTEST_PASSWORD} characters.")
    typer.echo(hash_of(password))


@app.command("token")
def token() -> None:
    """Make a token for the HTTP API, and print it with its hash.

    A program sends the token, and web.tokens has the hash. The token is shown once: the configuration has only its hash.

    For example:

        parking-gateway operators token
    """
    from parking_gateway.web.passwords import new_token  # noqa: PLC0415 - not for the help

    made, hashed = new_token()
    typer.echo(f"token: {made}\nhash:  {hashed}")
