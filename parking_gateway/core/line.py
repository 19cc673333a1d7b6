"""The line of a device: its downlinks for one purpose, from the wish of somebody to the device that has it. Pure.

Of a line, one downlink at most is under way and one at most waits: the latest wish. The line of an indicator leads to the
last wish, whatever the order of wishes and answers, and sends nothing that the device shows already. Answers are ordered by
the clock of the network, so a late one changes nothing that came after it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from parking_gateway.core.downlink import NOT_ACKNOWLEDGED, SHOW, Answer, AnswerKind, Downlink, DownlinkState
from parking_gateway.core.events import DevEui

Line = Mapping[UUID, Downlink]
"""The downlinks of one device for one purpose. Those that ended long ago may be left out."""


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """How often a downlink is tried, and when."""

    attempts: int = 5
    """Attempts after which it has failed."""
    wait_min: timedelta = timedelta(seconds=5)
    """After the first attempt. It doubles with each."""
    wait_max: timedelta = timedelta(minutes=15)


def lines_of(downlinks: Iterable[Downlink]) -> dict[tuple[DevEui, str], dict[UUID, Downlink]]:
    """The downlinks by their lines."""
    found: dict[tuple[DevEui, str], dict[UUID, Downlink]] = {}
    for one in downlinks:
        found.setdefault(one.line, {})[one.id] = one
    return found


def wished(line: Line, new: Downlink) -> Line:
    """Add a wish. It replaces one that waits; and if the device has it or will have it, that one is wished again."""
    for one in line.values():
        if one.is_waiting and one.content == new.content:
            return _with(line, one, wished_at=new.wished_at, by=new.by, expires_at=new.expires_at)
    after = dict(line)
    for one in line.values():
        if one.is_waiting:
            after[one.id] = _ended(one, DownlinkState.REPLACED)
    current = _under_way(line) or (_shown(line) if new.purpose == SHOW else None)
    if current is not None and current.content == new.content:
        return _with(after, current, wished_at=new.wished_at, by=new.by)
    return after | {new.id: new}


def newest(line: Line) -> Downlink:
    """The downlink of the last wish."""
    return max(line.values(), key=lambda one: (one.wished_at, one.state is not DownlinkState.REPLACED))


def ready(line: Line) -> Downlink | None:
    """The downlink that waits, unless another one is under way."""
    return None if _under_way(line) else next((one for one in line.values() if one.is_waiting), None)


def sent(line: Line, downlink: Downlink, *, now: datetime) -> Line:
    """Note that a waiting downlink was given to ChirpStack."""
    until = now + downlink.answer_within
    return _with(
        line,
        downlink,
        state=DownlinkState.QUEUED,
        attempts=downlink.attempts + 1,
        sent_at=now,
        detail=None,
        next_at=until if downlink.expires_at is None else min(until, downlink.expires_at),
    )


def answered(line: Line, answer: Answer, *, now: datetime) -> Line:
    """Apply a report of the network server. One that is older than what is known already changes nothing."""
    if answer.kind is AnswerKind.JOINED:
        return _settled(_joined(line, answer.at, now), now)
    one = None if answer.id is None else line.get(answer.id)
    if one is None or (one.not_before is not None and answer.at <= one.not_before):
        return line
    if answer.kind is AnswerKind.REFUSED:
        # `passed` decides at its next call what comes of it.
        return _with(line, one, next_at=now, detail=answer.detail) if one.is_under_way else line
    is_last = all(_reached(other) <= answer.at for other in line.values() if other is not one and _is_reached(other))
    after = {other.id: _without(other, until=answer.at) for other in line.values()} if is_last else dict(line)
    if answer.kind is AnswerKind.TRANSMITTED:
        one = _replaced(one, gateway=answer.gateway, transmitted_at=_later(one.transmitted_at, answer.at))
        if one.is_confirmed:
            return _settled(after | {one.id: _awaiting_acknowledgement(one, now)}, now)
    state = DownlinkState.ACKNOWLEDGED if answer.kind is AnswerKind.ACKNOWLEDGED else DownlinkState.TRANSMITTED
    taken = _replaced(
        one,
        state=state,
        next_at=None,
        taken_at=_later(one.taken_at, answer.at) if is_last else None,
        has_failed=False,
        detail=None,
    )
    return _settled(after | {one.id: taken}, now)


def passed(line: Line, *, retries: Retries, now: datetime) -> Line:
    """Let time pass: downlinks expire, and those without an answer are tried again."""
    for one in list(line.values()):
        if one.next_at is None:
            continue
        if one.expires_at is not None and one.expires_at <= now:
            detail = one.detail or "Its time is over."
            line = {**line, one.id: _ended(one, DownlinkState.EXPIRED, has_failed=True, detail=detail)}
        elif one.is_under_way and one.next_at <= now:
            silence = NOT_ACKNOWLEDGED if one.state is DownlinkState.TRANSMITTED else "No LoRaWAN gateway has sent it."
            line = _settled(_tried(line, one, one.detail or silence, retries=retries, now=now), now)
    return line


def unsendable(line: Line, downlink: Downlink, detail: str, *, retries: Retries, now: datetime) -> Line:
    """Count an attempt that could not begin."""
    counted = _replaced(downlink, attempts=downlink.attempts + 1)
    return _tried({**line, downlink.id: counted}, counted, detail, retries=retries, now=now)


def _joined(line: Line, at: datetime, now: datetime) -> Line:
    """A device that joins shows its default, and ChirpStack has emptied its queue."""
    after: dict[UUID, Downlink] = {}
    for before in line.values():
        one = before
        if one.purpose == SHOW:
            one = _replaced(_without(one, until=at), not_before=_later(one.not_before, at))
        if one.is_under_way and one.sent_at is not None and one.sent_at < at:
            one = _replaced(
                one, state=DownlinkState.WISHED, next_at=now, attempts=0, not_before=_later(one.not_before, at)
            )
        elif one.is_waiting:
            one = _replaced(one, next_at=now, attempts=0)
        after[one.id] = one
    return _with_one_waiting(after)


def _with_one_waiting(line: Line) -> Line:
    """Of two that wait, the later wish."""
    waiting = sorted((one for one in line.values() if one.is_waiting), key=lambda one: one.wished_at)
    return {**line, **{one.id: _ended(one, DownlinkState.REPLACED) for one in waiting[:-1]}}


def _tried(line: Line, one: Downlink, detail: str | None, *, retries: Retries, now: datetime) -> Line:
    """After an attempt without success: replaced by a later wish, or tried again, or failed."""
    if any(other.is_waiting for other in line.values() if other.id != one.id):
        return {**line, one.id: _ended(one, DownlinkState.REPLACED)}
    if one.attempts < retries.attempts:
        wait = min(retries.wait_max, retries.wait_min * 2 ** min(one.attempts - 1, _DOUBLINGS))
        return _with(line, one, state=DownlinkState.WISHED, next_at=now + wait, detail=detail)
    if one.purpose == SHOW:
        return _with(
            line, one, state=DownlinkState.WISHED, next_at=now + retries.wait_max, detail=detail, has_failed=True
        )
    return {**line, one.id: _ended(one, DownlinkState.FAILED, detail=detail, has_failed=True)}


def _settled(line: Line, now: datetime) -> Line:
    """Make the line of an indicator lead to its last wish, and not repeat what the device shows."""
    if _under_way(line) is not None:
        return line
    if not any(one.purpose == SHOW for one in line.values()):
        return line
    shown = _shown(line)
    for one in line.values():
        if not one.is_waiting:
            continue
        if shown is None or shown.content != one.content:
            return line
        ended = {**line, one.id: _ended(one, DownlinkState.REPLACED)}
        return _with(ended, shown, wished_at=one.wished_at, by=one.by)
    last = newest(line)
    if last.taken_at is not None or last.state is DownlinkState.REPLACED:
        return line
    earlier = [_reached(one) for one in line.values() if _is_reached(one)]
    if last.not_before is not None:
        earlier.append(last.not_before)
    return _with(
        line,
        last,
        state=DownlinkState.WISHED,
        next_at=now,
        attempts=0,
        has_failed=False,
        not_before=max(earlier, default=None),
    )


def _awaiting_acknowledgement(one: Downlink, now: datetime) -> Downlink:
    if one.is_waiting:  # it was given up too early
        return _replaced(one, state=DownlinkState.TRANSMITTED, next_at=now + one.answer_within)
    return _replaced(one, state=DownlinkState.TRANSMITTED) if one.is_under_way else one


def _under_way(line: Line) -> Downlink | None:
    return next((one for one in line.values() if one.is_under_way), None)


def _shown(line: Line) -> Downlink | None:
    return next((one for one in line.values() if one.taken_at is not None), None)


def _is_reached(one: Downlink) -> bool:
    return one.transmitted_at is not None or one.taken_at is not None


def _reached(one: Downlink) -> datetime:
    """The last time at which the device may have received it."""
    return max(at for at in (one.transmitted_at, one.taken_at) if at is not None)


def _without(one: Downlink, *, until: datetime) -> Downlink:
    return _replaced(one, taken_at=None) if one.taken_at is not None and one.taken_at <= until else one


def _ended(one: Downlink, state: DownlinkState, **changes: Any) -> Downlink:
    return _replaced(one, state=state, next_at=None, **changes)


def _with(line: Line, one: Downlink, **changes: Any) -> Line:
    return {**line, one.id: _replaced(one, **changes)}


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


_replaced: Final = msgspec.structs.replace
_DOUBLINGS: Final = 30
"""With more of them, the wait would be no time any more."""
