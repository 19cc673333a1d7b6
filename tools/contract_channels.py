"""The channels of the AsyncAPI document: every topic of the gateway. Topics and retain flags come from the functions that publish."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from parking_gateway.chirpstack.commands import DownlinkCommand
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.cli.doctor.promises import FAMILIES
from parking_gateway.contract import home_assistant, messages, outgoing
from parking_gateway.contract.gateways import gateway_publication, gateway_topic
from parking_gateway.contract.home_assistant import Discovery, Place
from parking_gateway.contract.publication import Publication
from parking_gateway.contract.schemas import MESSAGES
from parking_gateway.core.announcement import Announcement
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import DueOutgoing, Session
from parking_gateway.process.config import Config
from parking_gateway.process.config.home_assistant import HomeAssistantConfig
from parking_gateway.requests.request import Topics
from parking_gateway.requests.verbs import verbs
from tools.contract_schemas import Schema, reference

CONFIG: Final = Config(home_assistant=HomeAssistantConfig(enabled=True))
ROOT: Final = CONFIG.publication.root
PARAMETERS: Final[Mapping[str, Schema]] = {
    "site": {"description": "The name of a site.", "examples": ["central"]},
    "zone": {"description": "The name of a zone.", "examples": ["level-1"]},
    "space": {"description": "The name of a space.", "examples": ["A-012"]},
    "dev_eui": {"description": "A DevEUI: 16 hexadecimal digits in lower case.", "examples": ["a84041000181c061"]},
    "instance": {"description": "The name of a gateway: `gateway.instance`.", "examples": ["garage"]},
    "kind": {
        "description": "The kind of a notice.",
        "enum": [kind for kind in NoticeKind if kind is not NoticeKind.TEST],
    },
    "verb": {
        "description": "The verb of the request: one or several levels, the same as in the topic of the request. A reply to a"
        " verb that does not exist is an error on its topic, or on `unknown` if it has other characters than a verb.",
        "examples": [*verbs(), "unknown"],
    },
    "family": {"description": "A kind of topics.", "enum": [*FAMILIES]},
    "probe": {"description": "A random UUID.", "examples": ["6f1c2f0e-4c55-4b11-8a51-2f6f6d9f5a0b"]},
    "way": {"description": "The subscription that is tested.", "enum": ["plain", "shared"]},
    "id": {"description": "The device in Home Assistant.", "examples": ["parking_central_level_1_A_012_1f0c5a3e"]},
    "application": {
        "description": "The id of an application in ChirpStack.",
        "examples": ["a4d93f72-f38e-4a23-b773-343f0e8eaade"],
    },
    "device": {"description": "A DevEUI.", "examples": ["a84041000181c061"]},
}
"""Each is one level of a topic, except `verb`."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A topic with the messages on it."""

    name: str
    topic: str
    """With its parameters in braces."""
    action: Literal["send", "receive"]
    """From the gateway's point of view."""
    group: Literal["car park", "requests", "gateways", "Home Assistant", "ChirpStack"]
    message: str
    """The name of its message."""
    payload: Schema
    summary: str
    is_retained: bool = False
    is_cleared: bool = False
    """Whether an empty retained payload removes the message."""
    is_received_too: bool = False
    """Whether the gateway receives what it has sent."""
    verb: str | None = None
    """Of a request."""

    @property
    def actions(self) -> Sequence[str]:
        """What the gateway does on it."""
        return ("send", "receive") if self.is_received_too else (self.action,)


def channels(examples: Mapping[str, Any]) -> Iterator[Channel]:
    """All of them. `examples` are the documented ones by the name of their message."""
    yield from _car_park(examples)
    yield from _gateways(examples)
    yield from _requests()
    yield from _home_assistant()
    yield from _chirpstack()


def _car_park(examples: Mapping[str, Any]) -> Iterator[Channel]:
    names = {"site": "{site}", "zone": "{zone}", "space": "{space}"}
    zone, site = names | {"space": None}, names | {"zone": msgspec.UNSET}
    for name, message, fields, summary in (
        ("space", "space", names, "The state of a space."),
        ("zone", "counts", zone, "The counts of a zone."),
        ("site", "counts", site, "The counts of a site: the sums of its zones."),
        ("transition", "transition", names, "A step of a space from one state to another."),
        ("device", "device", {"dev_eui": "{dev_eui}"}, "The health of a device."),
    ):
        struct = MESSAGES[message]
        known = {field.name for field in msgspec.structs.fields(struct)}
        example = msgspec.convert(examples[message], struct)
        changed = {key: value for key, value in fields.items() if key in known}
        made: Any = msgspec.structs.replace(example, **changed)
        published = messages.publication(ROOT, made)
        yield _sent(name, published, message, summary, is_cleared=published.retain)
    once = DueOutgoing(id=0, **names, message=Notice(kind="{kind}", at=None))  # type: ignore[arg-type]
    yield _sent("notice", outgoing.sent(ROOT, once), "notice", "What an operator has to be told once.")
    stay = Session(space=None, id=0, arrived_at=_TIME, departed_at=_TIME)  # type: ignore[arg-type]
    ended = outgoing.sent(ROOT, msgspec.structs.replace(once, message=stay))
    yield _sent("session", ended, "session", "A stay of a car that has ended.")


_TIME: Final = msgspec.convert("2026-11-23T10:00:00Z", messages.Instant)


def _sent(name: str, published: Publication, message: str, summary: str, *, is_cleared: bool = False) -> Channel:
    return Channel(
        name=name,
        topic=published.topic,
        action="send",
        group="car park",
        message=message,
        payload=reference(MESSAGES[message]),
        summary=summary,
        is_retained=published.retain,
        is_cleared=is_cleared,
    )


def _gateways(examples: Mapping[str, Any]) -> Iterator[Channel]:
    for name, summary in (
        ("gateway", "Whether a gateway is connected: its birth and its will."),
        ("health", "The health of a gateway, every 10 seconds."),
        ("marker", "The last message of a page of publications. It has no meaning for the car park."),
    ):
        message: Any = msgspec.convert(examples[name], MESSAGES[name])
        published = gateway_publication(ROOT, "{instance}", message)
        yield msgspec.structs.replace(_sent(name, published, name, summary), group="gateways")
    yield Channel(
        name="probe",
        topic=f"{gateway_topic(ROOT, '{instance}')}/probe/{{probe}}/{{way}}",
        action="send",
        group="gateways",
        message="probe",
        payload={"description": "16 random bytes.", "type": "string", "format": "binary"},
        summary="A message of a gateway to itself, which tests what the broker delivers.",
        is_received_too=True,
    )
    yield from _trials()


def _trials() -> Iterator[Channel]:
    """What `parking-gateway doctor` tries with messages to itself."""
    ours = gateway_topic(ROOT, "{instance}")
    for name, folder, is_retained, summary in (
        ("trial", f"{ROOT}/{{family}}", False, "whether the gateway may publish and read below this topic"),
        ("gatewayTrial", ours, False, "the same, and how many messages the broker keeps for an absent session"),
        ("retainedTrial", ours, True, "whether the broker keeps a retained message, which it removes again"),
    ):
        yield Channel(
            name=name,
            topic=f"{folder}/doctor/{{probe}}",
            action="send",
            group="gateways",
            message="trial",
            payload={"description": "A question mark, or random bytes.", "type": "string", "format": "binary"},
            summary=f"A message of `parking-gateway doctor` to itself: {summary}.",
            is_retained=is_retained,
            is_cleared=is_retained,
            is_received_too=True,
        )


def _requests() -> Iterator[Channel]:
    (asked,) = CONFIG.request_subscriptions
    for verb in verbs().values():
        yield Channel(
            name=(name := camel(f"request/{verb.name}")),
            topic=asked.replace("#", verb.name),
            action="receive",
            group="requests",
            message=name,
            payload=reference(verb.asked),
            summary=" ".join((verb.work.__doc__ or "").split()),
            verb=verb.name,
        )
    topic = Topics(root=ROOT).response("verb").removesuffix("verb") + "{verb}"
    response = _sent(
        "response", Publication(topic=topic, payload=b"", retain=False), "response", "The reply to a request."
    )
    yield msgspec.structs.replace(response, group="requests")


def _home_assistant() -> Iterator[Channel]:
    announced = Announcement(site="a", zone="b", space="c", spaces=(), digest="")
    place = Place(root=ROOT, prefix=CONFIG.home_assistant.prefix, gateway=None)
    topic = home_assistant.topic_of(announced, place).replace(home_assistant.identifier(ROOT, "a", "b", "c"), "{id}")
    (status,) = CONFIG.home_assistant.subscriptions
    group: Final = "Home Assistant"
    yield Channel(
        name="discovery",
        topic=topic,
        action="send",
        group=group,
        message="discovery",
        payload=reference(Discovery, prefix="HomeAssistant"),
        summary="A space or a zone as a device of Home Assistant, if `home_assistant.enabled` is set.",
        is_retained=True,
        is_cleared=True,
    )
    yield Channel(
        name="homeAssistantStatus",
        topic=status,
        action="receive",
        group=group,
        message="homeAssistantStatus",
        payload={"type": "string", "enum": ["online", "offline"]},
        summary="Whether Home Assistant runs. When it has started, everything is announced again.",
    )


def _chirpstack() -> Iterator[Channel]:
    events = CONFIG.chirpstack.topic.replace("+", "{application}", 1).replace("+", "{device}", 1)
    group: Final = "ChirpStack"
    for name, event in EVENTS.items():
        yield Channel(
            name=camel(f"event/{name}"),
            topic=events.replace("+", name),
            action="receive",
            group=group,
            message=camel(f"event/{name}"),
            payload=reference(event, prefix=group),
            summary=" ".join((event.__doc__ or "").split()),
        )
    assert CONFIG.command_topic is not None  # noqa: S101 - the default topic shows it
    yield Channel(
        name="downlink",
        topic=CONFIG.command_topic,
        action="send",
        group=group,
        message="downlink",
        payload=reference(DownlinkCommand, prefix=group),
        summary="A downlink for ChirpStack's queue of a device.",
    )


def camel(words: str) -> str:
    """As a name: `request/space/get` is `requestSpaceGet`."""
    first, *others = words.replace("-", "/").split("/")
    return first + "".join(word[:1].upper() + word[1:] for word in others)
