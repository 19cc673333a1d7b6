"""The AsyncAPI 3 document of everything that the gateway publishes and receives: `schemas/asyncapi.json`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from parking_gateway import __version__
from tools import contract_examples
from tools.contract_channels import PARAMETERS, ROOT, Channel, camel, channels
from tools.contract_schemas import Schema, schemas

Document = dict[str, Any]
_ABOUT: Final = f"""\
All topics and messages of parking-gateway: the states of a car park, requests and their replies, and what is received from ChirpStack.

- `{ROOT}` is `publication.root`, `application/+/device/+/event/+` is `chirpstack.topic`, and `homeassistant` is `home_assistant.prefix`.
- Everything is published at QoS 1. A subscriber ignores fields and topics that it does not know.
- With MQTT 5, a request names a response topic and correlation data, and the reply has the same correlation data. Without a response
  topic, the reply comes on `{ROOT}/response/{{verb}}`.
- ChirpStack's events may be protobuf instead of JSON. Only the fields that the gateway reads are described here.
"""
_QOS_1: Final = {"qos": 1, "bindingVersion": "0.2.0"}
_CLEARED: Final = {
    "name": "cleared",
    "title": "cleared",
    "summary": "The space, zone, site or device was removed or renamed. The payload is empty.",
    "contentType": "application/octet-stream",
    "payload": {"type": "string", "maxLength": 0},
    "examples": [{"name": "cleared", "payload": ""}],
}
_SERVER: Final = {
    "description": "The broker between ChirpStack, the gateway and the subscribers: `mqtt.url`.",
    "variables": {
        "host": {"default": "localhost", "description": "The host of the broker."},
        "port": {"default": "1883", "description": "The port: mostly 8883 with TLS."},
    },
    "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("password", "certificate")],
}


def document(checkout: Path) -> Document:
    """The whole document. `checkout` has the page of the contract and the recorded events."""
    documented = dict(contract_examples.documented(checkout / "docs" / "reference" / "contract.md"))
    described = [*channels(documented)]
    examples = _examples(checkout, documented)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:parking-gateway:v1",
        "info": {
            "title": "parking-gateway",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": name} for name in dict.fromkeys(one.group for one in described)],
        },
        "defaultContentType": "application/json",
        "servers": {
            name: {"host": "{host}:{port}", "protocol": protocol, **_SERVER}
            for name, protocol in (("broker", "mqtt"), ("brokerWithTls", "secure-mqtt"))
        },
        "channels": {one.name: _channel(one) for one in described},
        "operations": {
            camel(f"{action}/{one.name}"): _operation(one, action) for one in described for action in one.actions
        },
        "components": {
            "messages": {one.message: _message(one, examples) for one in described} | {"cleared": _CLEARED},
            "schemas": schemas(),
            "parameters": PARAMETERS,
            "securitySchemes": {
                "password": {"type": "userPassword", "description": "`mqtt.username` and `mqtt.password`."},
                "certificate": {"type": "X509", "description": "A certificate of the client."},
            },
        },
    }


def encoded(made: Document) -> bytes:
    """The content of the file."""
    return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


def _channel(one: Channel) -> Schema:
    made: Schema = {"address": one.topic, "summary": one.summary, "messages": _messages_of(one)}
    if names := re.findall(r"\{(\w+)\}", one.topic):
        made["parameters"] = {name: {"$ref": f"#/components/parameters/{name}"} for name in names}
    return made


def _messages_of(one: Channel) -> dict[str, Schema]:
    names = [one.message, "cleared"] if one.is_cleared else [one.message]
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(one: Channel, action: str) -> Schema:
    bindings = _QOS_1 | ({"retain": one.is_retained} if action == "send" else {})
    made: Schema = {
        "action": action,
        "channel": {"$ref": f"#/channels/{one.name}"},
        "summary": one.summary,
        "tags": [{"name": one.group}],
        "bindings": {"mqtt": bindings},
        "messages": [{"$ref": f"#/channels/{one.name}/messages/{name}"} for name in _messages_of(one)],
    }
    if one.verb is not None:
        made["reply"] = {
            "channel": {"$ref": "#/channels/response"},
            "messages": [{"$ref": "#/channels/response/messages/response"}],
        }
    return made


def _message(one: Channel, examples: Mapping[str, Sequence[Any]]) -> Schema:
    made: Schema = {"name": one.message, "title": one.message, "summary": one.summary, "payload": one.payload}
    if one.payload.get("type") == "string":
        made["contentType"] = "application/octet-stream" if "format" in one.payload else "text/plain"
    if found := examples.get(one.message):
        made["examples"] = [
            {"name": f"{one.message}{number or ''}", "payload": each} for number, each in enumerate(found)
        ]
    return made


def _examples(checkout: Path, documented: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By the names of their messages."""
    return dict(_all_examples(checkout / "tests" / "recordings" / "chirpstack-json.jsonl", documented))


def _all_examples(recordings: Path, documented: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name, example in documented.items():
        yield name, [example]
    of_zone = documented["counts"]
    yield "counts", [of_zone, {name: value for name, value in of_zone.items() if name != "zone"}]
    yield "response", [{"status": "ok", "data": documented["space"], "transaction": 7}, documented["response"]]
    for verb, example in contract_examples.REQUESTS.items():
        yield camel(f"request/{verb}"), [example]
    for name, event in contract_examples.of_chirpstack(recordings):
        yield camel(f"event/{name}"), [event]
    yield "downlink", [contract_examples.downlink()]
    yield "discovery", [contract_examples.announcement(ROOT)]
    yield "homeAssistantStatus", ["online"]
