"""Events of the network server as answers: which downlink each is about, and what it says."""

from typing import Any
from uuid import UUID

from parking_gateway.core.downlink import Answer, AnswerKind, answers_of
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, EventKind
from tests.core.test_line import DEVICE, START

ID = UUID("8b2f0a3e-62a6-4a6b-9f0e-0f4d6f4a1c11")


def event(kind: EventKind, **fields: Any) -> DeviceEvent:
    return DeviceEvent(
        kind=kind, device=DeviceIdentity(dev_eui=DEVICE), time=START, heard_at=START, received_at=START, **fields
    )


def answer(kind: AnswerKind, **fields: Any) -> Answer:
    return Answer(kind=kind, dev_eui=DEVICE, at=START, **fields)


def test_events_about_downlinks_and_joins_are_answers() -> None:
    queued = {"queue_item_id": str(ID)}
    assert answers_of(
        [
            event(EventKind.JOIN),
            event(EventKind.TXACK, details=queued | {"gateway_id": "0102"}),
            event(EventKind.ACK, details=queued | {"acknowledged": True}),
            event(EventKind.ACK, details=queued | {"acknowledged": False}),
            event(EventKind.LOG, level="ERROR", code="EXPIRED", description="too old", details={"context": queued}),
            event(EventKind.LOG, level="ERROR", code="EXPIRED", details={"context": queued}),
        ]
    ) == [
        answer(AnswerKind.JOINED),
        answer(AnswerKind.TRANSMITTED, id=ID, gateway="0102"),
        answer(AnswerKind.ACKNOWLEDGED, id=ID),
        answer(AnswerKind.REFUSED, id=ID, detail="The device has not acknowledged it."),
        answer(AnswerKind.REFUSED, id=ID, detail="too old"),
        answer(AnswerKind.REFUSED, id=ID, detail="EXPIRED"),
    ]


def test_all_other_events_are_none() -> None:
    assert not answers_of(
        [
            event(EventKind.STATUS),
            event(EventKind.TXACK, details={"queue_item_id": ""}),
            event(EventKind.TXACK),
            event(EventKind.LOG, level="ERROR", code="OTAA", details={"context": {}}),
            event(EventKind.LOG, level="INFO", details={"context": {"queue_item_id": str(ID)}}),
        ]
    )
