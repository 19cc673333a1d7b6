"""`database.url`: every form of libpq is accepted, up to a server; a mistake is a sentence without a secret."""

from urllib.parse import quote

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.process.config import Config, ConfigError, load
from parking_gateway.process.config.database_url import accepted, parameters
from parking_gateway.store.pool import opened


def sentence_about(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(overrides={"database": {"url": url}})
    (sentence,) = caught.value.mistakes
    assert sentence.startswith("command line: database.url ")
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u:p@a,b:5433/db?target_session_attrs=read-write", "a,b", ",5433"),
        ("postgresql://u:p@a:1,b:2/db?load_balance_hosts=random", "a,b", "1,2"),
        ("postgresql:///db?host=a,b&port=1,2", "a,b", "1,2"),
        ("postgresql://[::1]:5432/db", "::1", "5432"),
        ("postgresql:///db?host=/var/run/postgresql", "/var/run/postgresql", None),
        ("postgresql://h/db?options=-csearch_path%3Dparking&application_name=mine&sslmode=require", "h", None),
    ],
)
def test_what_libpq_understands_is_taken(url: str, host: str, port: str | None) -> None:
    found = parameters(load(overrides={"database": {"url": url}}).database.url.get_secret_value())
    assert (found["dbname"], found["host"], found.get("port")) == ("db", host, port)


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("host=a dbname=b", 'must be "embedded" or begin with postgresql://'),
        ("postgresql+psycopg://a/b", 'must be "embedded" or begin with postgresql://'),
        ("postgresql://h:abc/db", "has a port that is not a number from 1 to 65535"),
        ("postgresql://h:70000/db", "has a port that is not a number from 1 to 65535"),
        ("postgresql://a:1,b:0/db", "has a port that is not a number from 1 to 65535"),
        ("postgresql://a,b/db?port=1,2,3", "has a value that PostgreSQL does not accept (could not match 3 port"),
        ("postgresql://h/db?schema=parking", "options=-csearch_path%3DNAME"),
        ("postgresql://h/db?sslmod=require", "does not have: the nearest is sslmode"),
        ("postgresql://h/db?sslmode=always", "does not accept (invalid sslmode value)"),
        ("postgresql://a,b/db?target_session_attrs=rw", "does not accept (invalid target_session_attrs value)"),
        ("postgresql://h/db?sslmode", "is no URL that PostgreSQL understands"),
        ("postgresql://h/db?connect_timeout=soon", "has a connect_timeout that is not a whole number"),
        ("postgresql://h/db?connect_timeout=0", "would wait for ever"),
        ("postgresql://h/db?sslrootcert=/nowhere/ca.pem", "names a file with sslrootcert that cannot be read"),
        ("postgresql://h/db?replication=database", "with which no table can be read"),
        ("postgresql://user@/db", "must name a host"),
        ("postgresql://a,,b/db", "must name a host"),
        ("postgresql://10.0.0.256/db", "has a host that is neither a name nor an address"),
        ("postgresql://h", "must name a database"),
        ("postgresql://h/db/more", "has a / or an @ in the name of the database"),
        ("postgresql://h/d b", "must be one word of printable characters"),
        ("postgresql://[::1/db", "is no URL that PostgreSQL understands"),
    ],
)
def test_what_it_does_not_is_a_sentence_before_anything_is_connected_to(url: str, mistake: str) -> None:
    assert mistake in sentence_about(url)


@pytest.mark.parametrize("password", ["hunter@2secret", "hunter/2secret", "hunter%2secret", "12/hunter?2secret=hunter"])
def test_a_password_that_is_not_encoded_is_explained_and_not_shown(password: str) -> None:
    mistake = sentence_about(f"postgresql://parking:{password}@db.example.org/parking")
    assert "write %40 for @" in mistake
    assert not any(part in mistake for part in ("hunter", "2secret"))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_can_be_written(password: str) -> None:
    url = f"postgresql://parking:{quote(password, safe='')}@a,b/parking"
    assert parameters(accepted(url))["password"] == password


@given(st.text())
def test_any_text_is_a_url_or_a_sentence(text: str) -> None:
    """Only ValueError is raised, and it quotes no part that may be a password."""
    for url in (text, f"postgresql://{text}", f"postgresql://u:hunter2{text}@h/db", f"postgresql://h/db?{text}"):
        assert "hunter2" not in complaint_about(url)


def complaint_about(url: str) -> str:
    try:
        accepted(url)
    except ValueError as mistake:
        return str(mistake)
    return ""


async def test_several_servers_and_options_reach_the_engine(database: str) -> None:
    """The first server is away; the session has the settings of the URL and our own."""
    folder = parameters(database)["host"]
    more = "target_session_attrs=read-write&options=-csearch_path%3Dparking&application_name=named-in-the-url"
    url = accepted(f"{database.partition('?')[0]}?host=/nowhere,{folder}&port=1,5432&{more}")
    async with opened(url, Config().database) as pool, pool.engine.connect() as connection:
        names = ("search_path", "application_name", "statement_timeout", "TimeZone")
        shown = [await connection.scalar(sa.text(f"show {name}")) for name in names]
    assert shown == ["parking", "named-in-the-url", "30s", "UTC"]
