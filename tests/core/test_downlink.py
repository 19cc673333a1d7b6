"""Events of the network server as answers: which downlink each is about, and what it says."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from parking_gateway.core.downlink import Answer, AnswerKind, DownlinkState, answers_of, failures, statuses_of
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, EventKind
from parking_gateway.core.notice import NoticeKind
from tests.core.test_line import DEVICE, START, downlink

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


@pytest.mark.parametrize(
    ("fields", "state", "acknowledged"),
    [
        ({}, "pending", False),
        ({"state": DownlinkState.QUEUED}, "pending", False),
        ({"state": DownlinkState.TRANSMITTED, "next_at": None, "taken_at": START}, "shown", False),
        ({"state": DownlinkState.ACKNOWLEDGED, "next_at": None, "taken_at": START}, "shown", True),
        ({"state": DownlinkState.ACKNOWLEDGED, "taken_at": START, "purpose": "calibrate"}, "taken", True),
        ({"has_failed": True}, "failed", False),
        ({"state": DownlinkState.EXPIRED, "next_at": None, "has_failed": True}, "failed", False),
    ],
)
def test_the_status_of_a_device_is_that_of_its_last_downlink(
    *, fields: dict[str, Any], state: str, acknowledged: bool
) -> None:
    last = msgspec.structs.replace(downlink(2, by="anna"), **fields)
    replaced = msgspec.structs.replace(downlink(3), state=DownlinkState.REPLACED)
    for order in ([last, downlink(1), replaced], [replaced, downlink(1), last]):
        (status,) = statuses_of(order).values()
        assert status is not None
        assert (status.id, status.state, status.acknowledged, status.by) == (last.id, state, acknowledged, "anna")


def test_a_device_with_replaced_downlinks_alone_has_no_status() -> None:
    replaced = msgspec.structs.replace(downlink(3), state=DownlinkState.REPLACED)
    assert statuses_of([replaced]) == {DEVICE: None}


def test_a_failure_is_noticed_once() -> None:
    before = downlink(1)
    after = msgspec.structs.replace(before, has_failed=True, attempts=5, detail="too large")
    (notice,) = failures([before], [after], now=START)
    assert (notice.kind, notice.dev_eui) == (NoticeKind.DOWNLINK_FAILED, DEVICE)
    assert notice.details == {"id": str(before.id), "purpose": "show", "attempts": 5, "detail": "too large"}
    assert failures([after], [after], now=START) == failures([], [before], now=START) == []
