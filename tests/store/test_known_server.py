"""The memory of the server: what it takes for a change, what it refuses, and what a restart leaves of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from parking_gateway.store.connecting import without
from parking_gateway.store.known_server import KnownServer, ServerId
from parking_gateway.store.verdicts import OldServer

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
FIRST = ServerId(system_identifier="7", timeline=1)
PROMOTED = ServerId(system_identifier="7", timeline=2)
OTHER = ServerId(system_identifier="8", timeline=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "known-server.json"


def known(file: Path | None, *, is_kept: bool = True) -> KnownServer:
    return KnownServer(file, clock=lambda: NOON, is_kept=is_kept)


def test_the_first_server_is_no_change(file: Path) -> None:
    ours = known(file)
    assert not ours.meet(FIRST)
    assert not ours.meet(FIRST)
    assert not ours.has_changed


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (PROMOTED, "The database moved from timeline 1 to 2 at 2026-11-27 12:00:00 UTC"),
        (OTHER, "The database is on another server (another system identifier) at 2026-11-27 12:00:00 UTC"),
    ],
)
def test_a_change_outlasts_the_process_until_everything_is_published_again(
    file: Path, found: ServerId, words: str
) -> None:
    known(file).meet(FIRST)
    assert known(file).meet(found)
    ours = known(file)
    assert ours.has_changed
    assert not ours.meet(found)
    assert ours.last
    ours.published_again(ours.last)
    after = known(file)
    assert not after.has_changed
    assert after.last
    assert (after.last.change or "").startswith(words)


def test_a_change_during_the_publication_is_published_too(file: Path) -> None:
    ours = known(file)
    ours.meet(FIRST)
    ours.meet(PROMOTED)
    first_change = ours.last
    ours.meet(OTHER)
    assert first_change
    ours.published_again(first_change)
    assert ours.has_changed


@pytest.mark.parametrize("is_kept", [True, False], ids=["gateway", "command"])
def test_a_lower_timeline_is_refused_until_the_file_is_removed(file: Path, *, is_kept: bool) -> None:
    known(file).meet(PROMOTED)
    ours = known(file, is_kept=is_kept)
    with pytest.raises(OldServer, match=f"timeline 1, and the gateway has worked on timeline 2 .* remove {file}"):
        ours.meet(FIRST)
    assert ours.last
    assert ours.last.server == PROMOTED
    file.unlink()
    assert ours.meet(FIRST)


def test_without_a_file_a_lower_timeline_is_refused_too() -> None:
    ours = known(None)
    ours.meet(PROMOTED)
    with pytest.raises(OldServer):
        ours.meet(FIRST)


def test_a_command_writes_nothing(file: Path) -> None:
    known(file, is_kept=False).meet(FIRST)
    assert not file.parent.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"server": {"system_identifier": "7"}}'])
def test_a_damaged_file_is_begun_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert not known(file).meet(FIRST)
    assert known(file).last


def test_a_folder_that_cannot_be_written_leaves_the_memory_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    ours = known(tmp_path / "state" / "known-server.json")
    ours.meet(PROMOTED)
    with pytest.raises(OldServer):
        ours.meet(FIRST)


@pytest.mark.parametrize(
    ("host", "port", "rest"),
    [
        ("a", 1, {"host": "b", "port": "2"}),
        ("b", 2, {"host": "a", "port": "1"}),
        ("b", 1, None),
    ],
)
def test_the_next_server_of_the_url_is_tried(host: str, port: int, rest: dict[str, str] | None) -> None:
    assert without(host, port, {"host": "a,b", "port": "1,2"}) == rest


def test_servers_with_one_port_are_told_apart_by_their_hosts() -> None:
    assert without("b", 7, {"host": "a,b", "port": "7"}) == {"host": "a", "port": "7"}
    assert without("a", 5432, {"host": "a,b", "dbname": "p"}) == {"host": "b", "dbname": "p"}
    assert without("a", 5432, {"host": "a"}) is None
