"""The URL of a PostgreSQL, parsed by libpq itself, so that a mistake is found before the gateway connects.

Every form of libpq is accepted, such as `postgresql://a,b:5433/parking?target_session_attrs=read-write`. A refusal
repeats only the name of a parameter, because any other part of the URL may be a password.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from parking_gateway.process.config.hosts import HIGHEST_PORT, is_host

_SCHEMES: Final = ("postgresql://", "postgres://")
_EXAMPLE: Final = "such as postgresql://parking:PASSWORD@localhost/parking"
_WHOLE_NUMBERS: Final = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_FILES: Final = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
_SCHEMA: Final = ("schema", "currentschema", "search_path")
"""Names that other programs give to the search path."""
_NOWHERE: Final = "/nonexistent"
"""As a host: the folder of a socket that does not exist."""


def accepted(text: str) -> str:
    """The URL with the scheme that we use, "embedded", or "" for none. Raises `ValueError` with what is wrong and what to do."""
    if text in ("", "embedded"):
        return text
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        raise ValueError(f'must be "embedded" or begin with postgresql://, {_EXAMPLE}')
    if not text.isprintable() or " " in text:
        raise ValueError(f"must be one word of printable characters: {_correct(text)}")
    url = _SCHEMES[0] + text.removeprefix(scheme)
    given = parameters(url)
    mistakes = (_servers, _database, _numbers, _files, _libpq)
    mistake = next((mistake for find in mistakes for mistake in find(url, given)), None)
    if mistake is not None:
        raise ValueError(mistake)
    return url


def parameters(url: str) -> dict[str, str]:
    """The parameters of the URL by libpq's names. Raises `ValueError` where libpq cannot parse it."""
    from psycopg import ProgrammingError  # noqa: PLC0415 - it takes 0.1 s, and "embedded" does not need it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - as above

    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        known = _known()
        unknown = next((name for name in _named(url) if name not in known), None)
        if unknown is not None:
            raise ValueError(_unknown(url, unknown, known)) from None
        raise ValueError(f"is no URL that PostgreSQL understands ({_unquoted(str(error))}): {_correct(url)}") from None


def _servers(url: str, given: Mapping[str, str]) -> Iterator[str]:
    hosts, ports = (given.get(name, "").split(",") for name in ("host", "port"))
    if "service" in given:
        return
    if any("@" in host.removeprefix("@") for host in hosts):
        yield f"has an @ before the one that ends the password: {_correct(url)}"
    if not all(_is_port(port) for port in ports):
        yield f"has a port that is not a number from 1 to {HIGHEST_PORT}: {_correct(url)}"
    if "hostaddr" in given:
        return
    if not all(hosts):
        yield f"must name a host, {_EXAMPLE}, or the folder of PostgreSQL's socket, such as ?host=/var/run/postgresql"
    if not all(host.startswith(("/", "@")) or is_host(host) for host in hosts):
        yield f"has a host that is neither a name nor an address: {_correct(url)}"


def _database(url: str, given: Mapping[str, str]) -> Iterator[str]:
    path = url.partition("?")[0].removeprefix(_SCHEMES[0]).partition("/")[2]
    if "@" in path or "/" in path:
        yield f"has a / or an @ in the name of the database: {_correct(url)}"
    if not given.get("dbname") and "service" not in given:
        yield f"must name a database after the host, {_EXAMPLE}"


def _numbers(_url: str, given: Mapping[str, str]) -> Iterator[str]:
    for name in _WHOLE_NUMBERS:
        if not re.fullmatch(r"\d{1,9}", given.get(name, "1")):
            yield f"has a {name} that is not a whole number: correct it, or remove it"
    if given.get("connect_timeout", "1").strip("0") == "":
        yield "has a connect_timeout of 0, which would wait for ever: remove it, for database.connect_timeout limits the wait"
    if "replication" in given:
        yield "has the parameter replication, with which no table can be read: remove it"


def _files(_url: str, given: Mapping[str, str]) -> Iterator[str]:
    for name in _FILES:
        file = given.get(name, "")
        if not file or (name, file) == ("sslrootcert", "system"):
            continue
        try:
            content = Path(file).expanduser().read_bytes()
        except OSError as error:
            yield f"names a file with {name} that cannot be read ({error.strerror}): correct it"
            continue
        if name == "sslkey" and b"ENCRYPTED" in content and "sslpassword" not in given:
            yield "names a key with sslkey that a password protects: add sslpassword, or store the key without one"


def _libpq(_url: str, given: Mapping[str, str]) -> Iterator[str]:
    """Let libpq check the values: it checks all of them before it opens the socket, which does not exist."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above
    from psycopg.pq import PGconn  # noqa: PLC0415 - as above

    if "service" in given:  # its file holds parameters that the URL does not
        return
    servers = len((given.get("hostaddr") or given["host"]).split(","))
    if "host" in given and len(given["host"].split(",")) != servers:
        yield "must have one address in hostaddr for each host: add or remove some"
    nowhere = {"host": ",".join([_NOWHERE] * servers), "hostaddr": "", "port": given.get("port", "")}
    connection = PGconn.connect_start(make_conninfo("", **{**given, **nowhere}).encode())
    answer = connection.error_message.decode(errors="replace").strip()
    connection.finish()
    if _NOWHERE not in answer:
        yield f"has a value that PostgreSQL does not accept ({_unquoted(answer)}): correct it"


def _is_port(text: str) -> bool:
    """Whether it is a port. An empty one is 5432."""
    return not text or (re.fullmatch(r"\d{1,5}", text) is not None and 0 < int(text) <= HIGHEST_PORT)


def _named(url: str) -> Iterator[str]:
    for pair in url.partition("?")[2].split("&"):
        if name := unquote(pair.partition("=")[0]):
            yield name


def _known() -> tuple[str, ...]:
    from psycopg.pq import Conninfo  # noqa: PLC0415 - as above

    # libpq accepts `ssl` of JDBC as sslmode=require, and does not list it.
    return (*(option.keyword.decode() for option in Conninfo.get_defaults()), "ssl")


def _unknown(url: str, name: str, known: tuple[str, ...]) -> str:
    if "@" in url.partition("?")[2]:  # the name may be the end of a password
        return f"has a ? before the end of the password, or a parameter that PostgreSQL does not have: {_correct(url)}"
    if name.lower() in _SCHEMA:
        return (
            f"has the parameter {name}, which PostgreSQL does not have: remove it, or write"
            " options=-csearch_path%3DNAME to work in a schema of that name"
        )
    near = get_close_matches(name, known, n=1)
    what_to_do = f"the nearest is {near[0]}" if near else "remove it"
    return f"has the parameter {name}, which PostgreSQL does not have: {what_to_do}"


def _correct(url: str) -> str:
    """The remedy where a part is wrong. A URL with an @ may hold a password that was split in the wrong place."""
    written = "; in a user or password, write %40 for @, %2F for /, %3F for ?, %20 for a space and %25 for %"
    return "correct it" + (written if "@" in url else "")


def _unquoted(text: str) -> str:
    """The message of libpq without the part of the URL that it quotes."""
    return " ".join(text.partition('"')[0].rstrip(" :(").split())
