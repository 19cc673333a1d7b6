"""From a message to a request: nothing that a message holds raises, and no requester chooses a topic of ours."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.broker.message import Message, without_its_end
from parking_gateway.broker.routes import matches
from parking_gateway.contract.messages import ResponseMessage
from parking_gateway.contract.publication import MessageProperties
from parking_gateway.requests.desk import Answer, Code, Refusal
from parking_gateway.requests.request import Request, Topics, request_of, response

ROOT = "parking/v1"
TOPICS = Topics(root=ROOT, others=["application/+/device/+/event/+", "application/#"])


def message(verb: str, payload: bytes, **properties: Any) -> Message:
    topic = f"{ROOT}/request/{verb}"
    return Message(topic, payload, 7, 1, is_redelivered=False, properties=MessageProperties(**properties))


def read(verb: str, payload: bytes, **properties: Any) -> Request:
    return request_of(message(verb, payload, **properties), TOPICS, max_bytes=1000)


def test_a_request_has_its_parameters_its_requester_and_its_reply() -> None:
    payload = b'{"site": "central", "by": "anna", "transaction": 7}'
    found = read("space/get", payload, response_topic="desk/anna", correlation_data=b"\0x")
    assert (found.verb, found.parameters, found.by, found.transaction) == ("space/get", {"site": "central"}, "anna", 7)
    assert (found.reply_topic, found.correlation_data, found.refusal) == ("desk/anna", b"\0x", None)


def test_without_a_response_topic_the_reply_goes_below_ours() -> None:
    assert read("space/get", b"{}").reply_topic == f"{ROOT}/response/space/get"
    assert read("", b"{}").reply_topic == f"{ROOT}/response/unknown"
    assert read("É\nx", b"").reply_topic == f"{ROOT}/response/unknown"


@pytest.mark.parametrize(
    ("user", "payload", "by"),
    [
        ((("by", "anna"),), b'{"by": "ben"}', "anna"),
        ((("client", "kiosk-1"),), b'{"by": "ben"}', "kiosk-1"),
        ((("client", "kiosk-1"), ("by", "anna"), ("by", "eve")), b"{}", "anna"),
        ((), b'{"by": "ben"}', "ben"),
        ((), b"{}", "unknown"),
        ((("by", "a\x1b[31m"),), b"{}", r"a\x1b[31m"),
    ],
)
def test_a_requester_is_named_by_a_user_property_else_by_the_payload(
    user: tuple[tuple[str, str], ...], payload: bytes, by: str
) -> None:
    assert read("space/get", payload, user=user).by == by


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"[]", Code.MALFORMED),
        (b"{", Code.MALFORMED),
        (b"\xff", Code.MALFORMED),
        (b'{"\xff": 1}', Code.MALFORMED),
        (b"[" * 900, Code.MALFORMED),
        (b'{"transaction": true}', Code.INVALID),
        (b'{"transaction": {}}', Code.INVALID),
        (b'{"transaction": 1' + b"0" * 30 + b"}", Code.INVALID),
        (b'{"by": 1}', Code.INVALID),
        (rb'{"space": "A\u0000"}', Code.INVALID),
        (b"{" + b" " * 1000 + b"}", Code.TOO_LARGE),
    ],
)
def test_what_cannot_be_read_is_refused(payload: bytes, code: Code) -> None:
    refusal = read("space/get", payload).refusal
    assert refusal
    assert refusal.code is code


def test_a_message_of_which_only_the_beginning_is_kept_is_too_large() -> None:
    found = request_of(without_its_end(message("space/get", b"{}")), TOPICS, max_bytes=1000)
    assert found.refusal
    assert found.refusal.code is Code.TOO_LARGE


@pytest.mark.parametrize(
    "topic",
    [
        "parking/v1/spaces/central/level-1/A-1",
        "parking/v1/request/space/get",
        "parking/v1",
        "parking/v1/response/+",
        "#",
        "",
        "$SYS/broker",
        "application/1/device/a840410000000001/event/up",
        "application/1/device/a840410000000001/command/down",
        "desk/\0",
        "x" * 1001,
    ],
)
def test_a_topic_of_ours_or_of_others_is_no_response_topic(topic: str) -> None:
    found = read("space/get", b"{}", response_topic=topic, correlation_data=b"x")
    assert found.refusal
    assert (found.refusal.code, found.reply_topic) == (Code.INVALID, f"{ROOT}/response/space/get")


LEVELS = st.lists(st.sampled_from(["parking", "v1", "spaces", "response", "a", "+", "#", "$x", "", "application"]))


@given(LEVELS.map("/".join), st.text(), st.binary())
def test_every_reply_goes_to_a_topic_that_is_not_ours(response_topic: str, verb: str, payload: bytes) -> None:
    """Whatever is asked, it becomes a request whose reply is a message of the contract."""
    found = read(verb, payload, response_topic=response_topic)
    topic = found.reply_topic
    assert not {"+", "#", "\0"} & set(topic)
    assert matches("parking/v1/response/#", topic) or not any(matches(one, topic) for one in (f"{ROOT}/#", "$x/#"))
    refusal = found.refusal or Refusal(Code.NOT_FOUND, "x")
    written = msgspec.json.decode(response(refusal, found.transaction), type=ResponseMessage)
    assert written.status == "error"


@given(st.binary(), st.binary(), st.text(), st.text())
def test_two_different_requests_have_different_digests(one: bytes, other: bytes, topic: str, verb: str) -> None:
    same = read(verb, one, response_topic=topic, correlation_data=other)
    assert same.digest == read(verb, one, response_topic=topic, correlation_data=other).digest
    if one != other:
        assert same.digest != read(verb, other, response_topic=topic, correlation_data=one).digest
    assert same.digest != read(f"{verb}x", one, response_topic=topic, correlation_data=other).digest


def test_an_answer_has_data_and_the_transaction_of_the_request() -> None:
    assert response(Answer({"due": 8}), "t-1") == b'{"status":"ok","data":{"due":8},"transaction":"t-1"}'
