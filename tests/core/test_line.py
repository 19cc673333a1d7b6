"""The line of a downlink: whatever the order of wishes and answers, the last wish ends shown, and no repeat is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from parking_gateway.core.downlink import BYTES, SHOW, Answer, AnswerKind, Downlink
from parking_gateway.core.events import DevEui
from parking_gateway.core.line import Line, Retries, answered, lines_of, newest, passed, ready, sent, unsendable, wished

DEVICE = DevEui("a840410000000001")
START = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RETRIES = Retries(attempts=3, wait_min=5 * SECOND, wait_max=60 * SECOND)
GREEN, RED, BLUE = b"\x00\x00\xff", b"\xff\x00\x00", b"\x00\xff\x00"


def downlink(number: int, data: bytes = GREEN, **fields: Any) -> Downlink:
    at = START + number * SECOND
    purpose = fields.pop("purpose", SHOW)
    return Downlink(
        id=UUID(int=number),
        dev_eui=DEVICE,
        purpose=purpose,
        f_port=15,
        data=data,
        wished_at=at,
        next_at=at,
        answer_within=30 * SECOND,
        **fields,
    )


def at(seconds: float) -> datetime:
    return START + seconds * SECOND


def answer(kind: AnswerKind, number: int | None, seconds: float, **fields: Any) -> Answer:
    return Answer(kind=kind, dev_eui=DEVICE, at=at(seconds), id=None if number is None else UUID(int=number), **fields)


def after(line: Line, *steps: Any) -> Line:
    """The line after sending (a number), answers, wishes and the passing of time (a float), each a second later."""
    for step in steps:
        match step:
            case Downlink():
                line = wished(line, step)
            case Answer():
                line = answered(line, step, now=step.at)
                line = passed(line, retries=RETRIES, now=step.at)
            case float():
                line = passed(line, retries=RETRIES, now=at(step))
            case (int() as number, seconds):
                line = sent(line, line[UUID(int=number)], now=at(seconds))
    return line


def states(line: Line) -> list[str]:
    return [str(one.state) for one in sorted(line.values(), key=lambda one: one.id)]


def shown(line: Line) -> bytes | None:
    return next((one.data for one in line.values() if one.taken_at is not None), None)


TRANSMITTED, ACKNOWLEDGED, REFUSED, JOINED = AnswerKind


def test_an_unconfirmed_downlink_ends_with_its_transmission() -> None:
    line = after({}, downlink(1), (1, 2), answer(TRANSMITTED, 1, 3, gateway="0102"))
    assert (states(line), shown(line)) == (["transmitted"], GREEN)
    assert line[UUID(int=1)].gateway == "0102"
    assert line[UUID(int=1)].next_at is None


def test_a_confirmed_downlink_ends_with_its_acknowledgement() -> None:
    line = after({}, downlink(1, is_confirmed=True), (1, 2), answer(TRANSMITTED, 1, 3))
    assert (states(line), shown(line)) == (["transmitted"], None)
    line = after(line, answer(ACKNOWLEDGED, 1, 4))
    assert (states(line), shown(line)) == (["acknowledged"], GREEN)


def test_an_acknowledgement_that_overtakes_the_transmission_counts() -> None:
    line = after({}, downlink(1, is_confirmed=True), (1, 2), answer(ACKNOWLEDGED, 1, 4), answer(TRANSMITTED, 1, 3))
    assert (states(line), shown(line)) == (["acknowledged"], GREEN)


def test_the_latest_wish_replaces_the_one_that_waits() -> None:
    line = after({}, downlink(1), (1, 2), downlink(2, RED), downlink(3, BLUE))
    assert states(line) == ["queued", "replaced", "wished"]
    assert newest(line).data == BLUE


def test_a_wish_that_is_shown_is_not_sent_again() -> None:
    line = after({}, downlink(1), (1, 2), answer(TRANSMITTED, 1, 3), downlink(4, GREEN))
    assert states(line) == ["transmitted"]
    line = after(line, downlink(5, RED), downlink(6, GREEN))
    assert states(line) == ["transmitted", "replaced"]
    assert newest(line).id == UUID(int=1)


def test_a_wish_that_is_under_way_or_waits_is_not_sent_twice() -> None:
    line = after({}, downlink(1), downlink(2), (1, 2), downlink(3), downlink(4, RED), downlink(5))
    assert states(line) == ["queued", "replaced"]
    assert line[UUID(int=1)].wished_at == at(5)


def test_a_command_is_sent_again_although_the_device_has_it() -> None:
    first, second = downlink(1, purpose="calibrate"), downlink(4, purpose="calibrate")
    line = after({}, first, (1, 2), answer(TRANSMITTED, 1, 3), second)
    assert states(line) == ["transmitted", "wished"]


def test_bytes_of_people_have_a_line_each() -> None:
    lines = lines_of([downlink(1, purpose=BYTES), downlink(2, purpose=BYTES), downlink(3), downlink(4)])
    assert [len(line) for line in lines.values()] == [1, 1, 2]


def test_a_wish_that_comes_back_while_another_one_is_under_way_is_sent_behind_it() -> None:
    line = after({}, downlink(1), (1, 2), answer(TRANSMITTED, 1, 3), downlink(4, RED), (4, 5), downlink(6, GREEN))
    assert states(line) == ["transmitted", "queued", "wished"]
    line = after(line, answer(TRANSMITTED, 4, 7))
    assert (states(line), shown(line)) == (["transmitted", "transmitted", "wished"], RED)
    assert ready(line) == newest(line)


def test_a_wish_is_dropped_once_the_other_one_has_failed() -> None:
    line = after({}, downlink(1), (1, 2), answer(TRANSMITTED, 1, 3), downlink(4, RED), (4, 5), downlink(6, GREEN))
    line = after(line, answer(REFUSED, 4, 7, detail="too large"))
    assert (states(line), shown(line)) == (["transmitted", "replaced", "replaced"], GREEN)


def test_it_is_tried_again_with_longer_waits_and_then_has_failed() -> None:
    line = after({}, downlink(1, purpose="calibrate"))
    for seconds, wait in ((1, 5), (100, 10)):
        line = after(line, (1, seconds), seconds + 30.0)
        assert line[UUID(int=1)].next_at == at(seconds + 30 + wait)
    line = after(line, (1, 200), answer(REFUSED, 1, 201, detail="too large"))
    assert states(line) == ["failed"]
    assert line[UUID(int=1)].has_failed
    assert line[UUID(int=1)].detail == "too large"
    assert after(line, 999.0) == line


def test_an_indicator_is_tried_for_ever_and_counts_as_failed_meanwhile() -> None:
    line = after({}, downlink(1))
    for seconds in (0, 100, 200, 300):
        line = after(line, (1, seconds), seconds + 30.0)
    one = line[UUID(int=1)]
    assert (one.is_waiting, one.has_failed, one.next_at) == (True, True, at(390))
    line = after(line, (1, 390), answer(TRANSMITTED, 1, 391))
    assert (states(line), line[UUID(int=1)].has_failed) == (["transmitted"], False)


def test_a_downlink_without_a_way_counts_its_attempts() -> None:
    line = after({}, downlink(1))
    line = unsendable(line, line[UUID(int=1)], "no application", retries=RETRIES, now=at(1))
    assert (line[UUID(int=1)].attempts, line[UUID(int=1)].next_at) == (1, at(6))


@pytest.mark.parametrize("steps", [(), ((1, 2),), ((1, 2), answer(TRANSMITTED, 1, 3))])
def test_it_expires_wherever_it_is(steps: tuple[Any, ...]) -> None:
    line = after({}, downlink(1, purpose="calibrate", is_confirmed=True, expires_at=at(20)), *steps)
    if steps:
        assert line[UUID(int=1)].next_at == at(20)
    assert states(after(line, 19.0)) != ["expired"]
    assert states(after(line, 20.0)) == ["expired"]


def test_a_transmission_that_was_given_up_counts_when_it_is_reported() -> None:
    line = after({}, downlink(1, is_confirmed=True), (1, 2), 40.0)
    assert states(line) == ["wished"]
    line = after(line, answer(TRANSMITTED, 1, 41))
    assert states(line) == ["transmitted"]
    assert line[UUID(int=1)].next_at == at(71)


def test_after_a_join_it_is_shown_again() -> None:
    line = after({}, downlink(1), (1, 2), answer(TRANSMITTED, 1, 3), answer(JOINED, None, 10))
    assert (states(line), shown(line)) == (["wished"], None)
    assert after(line, answer(TRANSMITTED, 1, 9)) == line, "a report of before the join"
    line = after(line, (1, 11), answer(TRANSMITTED, 1, 12))
    assert (states(line), shown(line)) == (["transmitted"], GREEN)
    assert shown(after(line, answer(JOINED, None, 10))) == GREEN, "the same join, delivered again"
    joined = after(line, answer(JOINED, None, 20), answer(JOINED, None, 5))
    assert after(joined, answer(TRANSMITTED, 1, 15)) == joined, "a report of before the later join"


def test_after_a_join_the_emptied_queue_is_filled_again_and_a_command_is_not_repeated() -> None:
    queued = after({}, downlink(1), (1, 2), answer(JOINED, None, 10))
    assert states(queued) == ["wished"]
    line = after({}, downlink(1), (1, 2), downlink(3, RED), answer(JOINED, None, 10))
    assert states(line) == ["replaced", "wished"]
    calibrated = after({}, downlink(1, purpose="calibrate"), (1, 2), answer(TRANSMITTED, 1, 3))
    assert after(calibrated, answer(JOINED, None, 10)) == calibrated
    waiting = after({}, downlink(1, purpose="calibrate"), answer(JOINED, None, 10))
    assert waiting[UUID(int=1)].next_at == at(10)
    sent_later = after({}, downlink(1, purpose="calibrate"), (1, 20), answer(JOINED, None, 10))
    assert states(sent_later) == ["queued"]


def test_a_late_transmission_of_an_earlier_wish_is_overwritten_again() -> None:
    """ChirpStack sent it although it was given up, and after the later wish."""
    line = after({}, downlink(1), (1, 2), downlink(3, RED), 40.0, (3, 41), answer(TRANSMITTED, 3, 42))
    assert (states(line), shown(line)) == (["replaced", "transmitted"], RED)
    assert shown(after(line, answer(TRANSMITTED, 1, 40))) == RED, "it was sent before"
    line = after(line, answer(TRANSMITTED, 1, 43))
    assert (states(line), shown(line)) == (["transmitted", "wished"], GREEN)
    again = after(line, answer(JOINED, None, 50))
    assert (states(again), shown(again)) == (["transmitted", "wished"], None)


def test_answers_to_other_downlinks_change_nothing() -> None:
    line = after({}, downlink(1))
    assert after(line, answer(TRANSMITTED, 7, 2)) == line
    assert after(line, answer(REFUSED, 1, 2)) == line
    assert answered(line, Answer(kind=TRANSMITTED, dev_eui=DEVICE, at=at(1)), now=at(1)) == line


class Lamp(RuleBasedStateMachine):
    """A lamp, a network that answers in any order, and a line that has to make the lamp show the last wish."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.line: Line = {}
        self.queue: list[Downlink] = []
        self.shows: bytes | None = None
        self.last: bytes | None = None
        self.reports: list[Answer] = []

    def tick(self) -> datetime:
        """Let a second pass."""
        self.now += 1
        return at(self.now)

    @rule(color=st.sampled_from([GREEN, RED, BLUE]), is_confirmed=st.booleans())
    def wish(self, color: bytes, is_confirmed: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        """Somebody wishes a colour."""
        self.number += 1
        now = self.tick()
        new = downlink(self.number, color, is_confirmed=is_confirmed)
        new = Downlink(
            **{name: getattr(new, name) for name in new.__struct_fields__} | {"wished_at": now, "next_at": now}
        )
        self.line, self.last = wished(self.line, new), color

    @precondition(lambda self: ready(self.line) is not None)
    @rule()
    def send(self) -> None:
        """The line has its turn. ChirpStack refuses an id that its queue has."""
        now = self.tick()
        assert sum(one.is_waiting for one in self.line.values()) == 1
        one = ready(self.line)
        assert one is not None
        assert shown(self.line) != one.data, "a repeat"
        self.line = sent(self.line, one, now=now)
        if all(one.id != other.id for other in self.queue):
            self.queue.append(self.line[one.id])

    @precondition(lambda self: self.queue)
    @rule(is_heard=st.booleans())
    def transmit(self, *, is_heard: bool) -> None:
        """A LoRaWAN gateway sends the first of the queue."""
        now = self.tick()
        one = self.queue.pop(0)
        self.reports.append(Answer(kind=TRANSMITTED, dev_eui=DEVICE, at=now, id=one.id))
        # Nobody can know that an unconfirmed downlink was not heard.
        if is_heard or not one.is_confirmed:
            self.shows = one.data
        if one.is_confirmed:
            kind = ACKNOWLEDGED if is_heard else REFUSED
            self.reports.append(Answer(kind=kind, dev_eui=DEVICE, at=self.tick(), id=one.id))

    @precondition(lambda self: self.queue)
    @rule()
    def discard(self) -> None:
        """ChirpStack drops the first of its queue, and reports why."""
        one = self.queue.pop(0)
        self.reports.append(Answer(kind=REFUSED, dev_eui=DEVICE, at=self.tick(), id=one.id))

    @rule()
    def join(self) -> None:
        """The lamp was switched off and on."""
        self.queue, self.shows = [], None
        self.reports.append(Answer(kind=JOINED, dev_eui=DEVICE, at=self.tick()))

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """Any of the reports, perhaps a second time."""
        place = data.draw(st.integers(0, len(self.reports) - 1))
        one = self.reports[place]
        if data.draw(st.booleans()):
            del self.reports[place]
        self.line = answered(self.line, one, now=self.tick())

    @rule(seconds=st.sampled_from([10, 100]))
    def wait(self, seconds: int) -> None:
        """Time passes, and ChirpStack drops what has expired."""
        self.now += seconds
        self.queue = [one for one in self.queue if one.next_at is not None and one.next_at > at(self.now)]
        self.line = passed(self.line, retries=RETRIES, now=self.tick())

    def teardown(self) -> None:
        """Every report comes, and from now on the network works."""
        for _ in range(100):
            for one in self.reports:
                self.line = answered(self.line, one, now=self.tick())
            self.reports.clear()
            if self.queue:
                self.transmit(is_heard=True)
            elif ready(self.line):
                self.send()
            else:
                self.wait(100)
                if not any(one.next_at for one in self.line.values()):
                    break
        assert self.shows == self.last == shown(self.line)
        assert sum(one.taken_at is not None for one in self.line.values()) == (self.last is not None)


Lamp.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestAnyOrderOfWishesAndAnswersEndsWithTheLastWishShown = Lamp.TestCase
