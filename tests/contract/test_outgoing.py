"""What is published once: its topics, and JSON that keeps to the schemas."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parking_gateway.contract.outgoing import sent
from parking_gateway.core.due import DueKind
from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import (
    Clearing,
    Command,
    DueOutgoing,
    Outgoing,
    Reply,
    Session,
    read,
    written,
)
from parking_gateway.core.space import SpaceId
from tests.whole_gateway import validate

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEVICE = DevEui("a840410000000001")
SPACE = SpaceId(12)
PLACE = {"site": "central", "zone": "level-1", "space": "A-012"}
NOTICE = Notice(kind=NoticeKind.SILENT, at=NOON, space=SPACE, dev_eui=DEVICE, details={"last_heard": None})
SESSION = Session(space=SPACE, id=5, corrects=3, arrived_at=NOON, departed_at=NOON + timedelta(minutes=5))
REPLY = Reply(topic="me/replies", payload=b'{"status": "ok"}', correlation_data=b"\x00\xff")
COMMAND = Command(topic="application/a-1/device/1/command/down", payload=b"{}", expires_at=NOON)
CLEARING = Clearing(kind=DueKind.ZONE, names=("central", "level-0"))
ALL: tuple[Outgoing, ...] = (NOTICE, SESSION, REPLY, COMMAND, CLEARING)


def due(message: Outgoing, **place: str | None) -> DueOutgoing:
    names: dict[str, Any] = PLACE | place
    return DueOutgoing(id=7, message=message, **names)


@pytest.mark.parametrize("message", ALL, ids=lambda one: type(one).__name__)
def test_a_row_holds_the_whole_message(message: Outgoing) -> None:
    body = written([message])[1:-1]
    assert written([message, message]) == f"[{body},{body}]"
    assert read(body) == message


@pytest.mark.parametrize(
    ("message", "topic", "expected"),
    [
        (
            NOTICE,
            "p/v1/events/silent",
            {"kind": "silent", "at": "2026-11-23T12:00:00Z", "dev_eui": DEVICE, "details": {"last_heard": None}},
        ),
        (
            SESSION,
            "p/v1/sessions/central/level-1/A-012",
            {
                "id": 5,
                "arrived_at": "2026-11-23T12:00:00Z",
                "departed_at": "2026-11-23T12:05:00Z",
                "seconds": 300,
                "overstay": False,
                "reservation": None,
                "corrects": 3,
                "withdrawn": False,
            },
        ),
    ],
)
def test_what_subscribers_get_once_has_an_id_and_the_names_of_that_time(
    message: Outgoing, topic: str, expected: dict[str, object]
) -> None:
    publication = sent("p/v1", due(message))
    content = json.loads(publication.payload)
    assert (publication.topic, publication.retain) == (topic, False)
    assert content == {"id": 7, **PLACE, **expected}


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_about_no_space_keeps_to_the_schema(kind: NoticeKind) -> None:
    notice = due(Notice(kind=kind, at=NOON), site=None, zone=None, space=None)
    publication = sent("p/v1", notice)
    assert publication.topic == f"p/v1/events/{kind}"
    validate("notice", json.loads(publication.payload))


def test_a_reply_goes_where_it_was_asked_for_with_the_data_of_its_request() -> None:
    publication = sent("p/v1", due(REPLY))
    assert (publication.topic, publication.payload) == (REPLY.topic, REPLY.payload)
    assert publication.properties.correlation_data == b"\x00\xff"


def test_a_command_is_sent_as_it_was_written() -> None:
    publication = sent("p/v1", due(COMMAND))
    assert (publication.topic, publication.payload, publication.retain) == (COMMAND.topic, COMMAND.payload, False)


def test_the_topic_of_a_removed_row_is_cleared() -> None:
    publication = sent("p/v1", due(CLEARING, site=None, zone=None, space=None))
    assert (publication.topic, publication.payload, publication.retain) == ("p/v1/zones/central/level-0", b"", True)
