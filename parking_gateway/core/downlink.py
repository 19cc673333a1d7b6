"""A downlink: bytes for a device, and how far they have come; and the reports of the network about it. Pure.

    state         meaning                                                        what comes next
    wished        it waits: for its turn, or until it is tried again             queued, or replaced by a later wish
    queued        ChirpStack has it                                              transmitted, acknowledged, or tried again
    transmitted   a LoRaWAN gateway has sent it: the end if it is not confirmed  acknowledged, or tried again
    acknowledged  the device has confirmed it
    replaced      a later wish, or the device shows it already
    failed        tried often enough
    expired       nobody waits for it any more

`line` moves it from one state to the next.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from parking_gateway.core.events import DevEui, DeviceEvent, EventKind
from parking_gateway.core.notice import Notice, NoticeKind

SHOW: Final = "show"
"""The purpose of an indicator: the device has to show the last wish for ever, and the same wish again changes nothing."""
BYTES: Final = "bytes"
"""The purpose of bytes that a person sends. None of them replaces another one."""

NOT_ACKNOWLEDGED: Final = "The device has not acknowledged it."


class DownlinkState(StrEnum):
    """Where a downlink is."""

    WISHED = "wished"
    QUEUED = "queued"
    TRANSMITTED = "transmitted"
    ACKNOWLEDGED = "acknowledged"
    REPLACED = "replaced"
    FAILED = "failed"
    EXPIRED = "expired"


class Downlink(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes for a device, and how far they have come."""

    id: UUID
    """ChirpStack repeats it in its answers. It stays the same when the downlink is tried again: a queue holds it once."""
    dev_eui: DevEui
    purpose: str
    """`show`, `bytes`, or the name of a command of the codec."""
    f_port: int
    data: bytes
    is_confirmed: bool = False
    by: str = ""
    """Who wished it."""
    wished_at: datetime
    """When it was wished for the last time."""
    answer_within: timedelta
    """How long the device may take, before the downlink is tried again: for ChirpStack, it expires then."""
    expires_at: datetime | None = None
    """When nobody waits for it any more."""
    state: DownlinkState = DownlinkState.WISHED
    attempts: int = 0
    next_at: datetime | None
    """When it is sent, if it waits; until when its answer is awaited, if it is under way. None: nothing is to be done."""
    sent_at: datetime | None = None
    transmitted_at: datetime | None = None
    """When a LoRaWAN gateway sent it for the last time, by the clock of the network."""
    gateway: str | None = None
    """That LoRaWAN gateway."""
    taken_at: datetime | None = None
    """Since when the device has it, by the clock of the network. None: it does not have it, or nobody knows."""
    not_before: datetime | None = None
    """Answers of this time or before belong to an earlier attempt or device session."""
    has_failed: bool = False
    """Whether all attempts failed. An indicator is tried further."""
    detail: str | None = None
    """Why the last attempt failed."""

    @property
    def line(self) -> tuple[DevEui, str]:
        """What its line has in common."""
        return self.dev_eui, str(self.id) if self.purpose == BYTES else self.purpose

    @property
    def content(self) -> tuple[int, bytes]:
        """What the device is to have."""
        return self.f_port, self.data

    @property
    def is_waiting(self) -> bool:
        """Whether it is to be sent."""
        return self.next_at is not None and self.state is DownlinkState.WISHED

    @property
    def is_under_way(self) -> bool:
        """Whether its answer is awaited."""
        return self.next_at is not None and self.state is not DownlinkState.WISHED


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How far the last downlink of a device has come, as it is published."""

    id: UUID
    purpose: str
    """`show`: the picture of an indicator; `bytes`: bytes of a person; else the name of a command of the codec."""
    state: Literal["pending", "shown", "taken", "failed"]
    """pending: it waits or is under way; shown and taken: the device has it; failed: all attempts failed."""
    acknowledged: bool
    """Whether the device has confirmed it. Without, `shown` means that a LoRaWAN gateway has sent it."""
    wished: datetime
    by: str
    detail: str | None
    """Why the last attempt failed."""


class AnswerKind(StrEnum):
    """What the network server reports about a downlink or a device."""

    TRANSMITTED = "transmitted"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    JOINED = "joined"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A report of the network server."""

    kind: AnswerKind
    dev_eui: DevEui
    at: datetime
    """By the clock of the network."""
    id: UUID | None = None
    """The downlink. None: all of the device, which has joined."""
    gateway: str | None = None
    detail: str | None = None


def statuses_of(downlinks: Iterable[Downlink]) -> dict[DevEui, Status | None]:
    """The status of each device, from those of its downlinks that can still change or that it has."""
    last: dict[DevEui, Downlink | None] = {}
    for one in downlinks:
        other = last.setdefault(one.dev_eui, None)
        is_over = one.state is DownlinkState.REPLACED and one.taken_at is None
        if not is_over and (other is None or (one.wished_at, one.id) > (other.wished_at, other.id)):
            last[one.dev_eui] = one
    return {dev_eui: None if one is None else _status(one) for dev_eui, one in last.items()}


def failures(before: Iterable[Downlink], after: Iterable[Downlink], *, now: datetime) -> list[Notice]:
    """A notice for each downlink that has failed meanwhile."""
    had_failed = {one.id for one in before if one.has_failed}
    return [
        Notice(
            kind=NoticeKind.DOWNLINK_FAILED,
            at=now,
            dev_eui=one.dev_eui,
            details={"id": str(one.id), "purpose": one.purpose, "attempts": one.attempts, "detail": one.detail},
        )
        for one in after
        if one.has_failed and one.id not in had_failed
    ]


def _status(one: Downlink) -> Status:
    state: Literal["pending", "shown", "taken", "failed"] = "pending"
    if one.taken_at is not None:
        state = "shown" if one.purpose == SHOW else "taken"
    elif one.has_failed:
        state = "failed"
    return Status(
        id=one.id,
        purpose=one.purpose,
        state=state,
        acknowledged=one.state is DownlinkState.ACKNOWLEDGED,
        wished=one.wished_at,
        by=one.by,
        detail=one.detail,
    )


def answers_of(events: Iterable[DeviceEvent]) -> list[Answer]:
    """The events that are answers: `txack`, `ack`, errors of a downlink, and joins."""
    return [answer for event in events if (answer := _answer(event)) is not None]


def _answer(event: DeviceEvent) -> Answer | None:
    match event.kind:
        case EventKind.JOIN:
            return Answer(kind=AnswerKind.JOINED, dev_eui=event.device.dev_eui, at=event.heard_at)
        case EventKind.TXACK:
            return _about(event, event.details, AnswerKind.TRANSMITTED, gateway=event.details.get("gateway_id"))
        case EventKind.ACK if event.details.get("acknowledged"):
            return _about(event, event.details, AnswerKind.ACKNOWLEDGED)
        case EventKind.ACK:
            return _about(event, event.details, AnswerKind.REFUSED, detail=NOT_ACKNOWLEDGED)
        case EventKind.LOG if event.level == "ERROR":
            detail = event.description or event.code
            return _about(event, event.details.get("context", {}), AnswerKind.REFUSED, detail=detail)
        case _:
            return None


def _about(event: DeviceEvent, details: Mapping[str, Any], kind: AnswerKind, **fields: Any) -> Answer | None:
    """The answer about the downlink that the details name. None: they name none, as other errors of a device do."""
    try:
        number = msgspec.convert(details.get("queue_item_id"), UUID)
    except msgspec.ValidationError:
        return None
    return Answer(kind=kind, dev_eui=event.device.dev_eui, at=event.heard_at, id=number, **fields)
