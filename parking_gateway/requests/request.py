"""From a message to a request. Pure: whatever the message holds becomes a value."""

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any, Final
from uuid import UUID

import msgspec

from parking_gateway.broker.message import Message
from parking_gateway.broker.routes import matches
from parking_gateway.contract.messages import ErrorMessage, ResponseMessage
from parking_gateway.contract.publication import MessageProperties
from parking_gateway.requests.desk import Answer, Code, Refusal, requester

Transaction = str | int | msgspec.UnsetType

_LONGEST_TOPIC: Final = 1000
_LONGEST_TRANSACTION: Final = 200
_LARGEST_NUMBER: Final = 2**53
"""The largest number that every program reads from JSON as it is."""
_PATH: Final = "abcdefghijklmnopqrstuvwxyz0123456789_-/"
_NUL: Final = rb"\u0000"
"""As JSON writes it; it cannot stand there as it is."""
_encode: Final = msgspec.json.Encoder().encode


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of requests and replies, and those on which no requester may make the gateway publish."""

    root: str
    others: Sequence[str] = ()
    """Filters of topics of other programs, such as `application/#`."""

    def verb(self, topic: str) -> str:
        """The verb in the topic of a request."""
        return topic.removeprefix(f"{self.root}/request").removeprefix("/")

    def response(self, verb: str) -> str:
        """Where the reply goes if the request names no topic."""
        is_plain = 0 < len(verb) <= _LONGEST_TOPIC and not set(verb) - set(_PATH)
        return f"{self.root}/response/{verb if is_plain else 'unknown'}"

    def may_reply_on(self, topic: str) -> bool:
        """Whether a requester may name this topic. Else a request could write a state, or an event of ChirpStack."""
        if (
            not 0 < len(topic) <= _LONGEST_TOPIC
            or not topic.isprintable()
            or topic[0] == "$"
            or {"+", "#"} & set(topic)
        ):
            return False
        if topic.startswith(f"{self.root}/response/"):
            return True
        return not any(matches(one, topic) for one in (f"{self.root}/#", *self.others))


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came, with the reason if it cannot be carried out."""

    verb: str
    by: str
    digest: UUID
    """The same if the message is delivered again."""
    reply_topic: str
    correlation_data: bytes | None = None
    transaction: Transaction = msgspec.UNSET
    parameters: dict[str, Any] = {}
    refusal: Refusal | None = None


def request_of(message: Message, topics: Topics, *, max_bytes: int) -> Request:
    """Read a message."""
    properties = message.properties
    verb = topics.verb(message.topic)
    refusal, reply_topic = None, properties.response_topic
    is_too_large = message.whole is not None or len(message.payload) > max_bytes
    parameters = _too_large(max_bytes) if is_too_large else parameters_of(message.payload)
    if isinstance(parameters, Refusal):
        refusal, parameters = parameters, {}
    by = _named(properties) or parameters.get("by")
    transaction = transaction_in(parameters)
    if transaction is msgspec.UNSET and "transaction" in parameters:
        refusal = Refusal(Code.INVALID, "transaction has to be a text of at most 200 characters, or a whole number")
    if by is not None and not isinstance(by, str):
        refusal, by = Refusal(Code.INVALID, "by has to be a text"), None
    if reply_topic is not None and not topics.may_reply_on(reply_topic):
        refusal = Refusal(Code.INVALID, f"No reply may go to this response topic: use one below {topics.root}/response")
        reply_topic = None
    return Request(
        verb=verb,
        by=requester(by),
        digest=_digest(message),
        reply_topic=topics.response(verb) if reply_topic is None else reply_topic,
        correlation_data=properties.correlation_data,
        transaction=transaction,
        parameters=without_envelope(parameters),
        refusal=refusal,
    )


def response(outcome: Answer | Refusal, transaction: Transaction) -> bytes:
    """The payload of the reply. Raises if the answer cannot be written as JSON, which is a bug of its verb."""
    if isinstance(outcome, Refusal):
        error = ErrorMessage(code=outcome.code, message=outcome.message)
        return _encode(ResponseMessage(status="error", error=error, transaction=transaction))
    return _encode(ResponseMessage(status="ok", data=outcome.data, transaction=transaction))


def parameters_of(payload: bytes) -> dict[str, Any] | Refusal:
    """The parameters in a payload."""
    if _NUL in payload:  # PostgreSQL has no such text, and the driver would cut it there
        return Refusal(Code.INVALID, "No text may contain NUL")
    try:
        found = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else Refusal(Code.MALFORMED, "The payload has to be a JSON object")


def transaction_in(parameters: Mapping[str, Any]) -> Transaction:
    """What the requester wants to get back with the reply; nothing if it is none, or wrong."""
    found: Transaction = parameters.get("transaction", msgspec.UNSET)
    return found if _is_transaction(found) else msgspec.UNSET


def without_envelope(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the verb alone, without who asks and the transaction."""
    return {name: value for name, value in parameters.items() if name not in ("by", "transaction")}


def _too_large(most: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, f"The payload of a request has at most {most:,} bytes")


def _named(properties: MessageProperties) -> str | None:
    named = dict(reversed(properties.user))
    return named.get("by") or named.get("client")


def _is_transaction(value: object) -> bool:
    match value:
        case bool():
            return False
        case int():
            return abs(value) <= _LARGEST_NUMBER
        case str():
            return len(value) <= _LONGEST_TRANSACTION
        case _:
            return value is msgspec.UNSET


def _digest(message: Message) -> UUID:
    properties = message.properties
    payload = message.whole.digest.bytes if message.whole else message.payload
    parts = (
        message.topic.encode(),
        payload,
        (properties.response_topic or "").encode(),
        properties.correlation_data or b"",
    )
    found = md5(usedforsecurity=False)
    for part in parts:
        # With its length, because else two different requests could have the same bytes together.
        found.update(len(part).to_bytes(8, "big") + part)
    return UUID(bytes=found.digest())
