"""The public contract as files: a JSON Schema for each message."""

from typing import Any, Final

import msgspec

from parking_gateway.contract.gateways import GatewayMessage, HealthMessage, MarkerMessage
from parking_gateway.contract.messages import (
    CountsMessage,
    DeviceMessage,
    ResponseMessage,
    SpaceMessage,
    TransitionMessage,
)
from parking_gateway.contract.outgoing import NoticeMessage, SessionMessage

MESSAGES: Final[dict[str, type[msgspec.Struct]]] = {
    "space": SpaceMessage,
    "counts": CountsMessage,
    "transition": TransitionMessage,
    "device": DeviceMessage,
    "gateway": GatewayMessage,
    "health": HealthMessage,
    "marker": MarkerMessage,
    "response": ResponseMessage,
    "notice": NoticeMessage,
    "session": SessionMessage,
}
"""The schema files and the messages they describe. ChirpStack's own messages have none."""


def schema_files() -> dict[str, bytes]:
    """File name and content of every schema, JSON Schema 2020-12."""
    return {f"{name}.json": schema_file(name, schema_of(message)) for name, message in MESSAGES.items()}


def schema_of(message: type) -> dict[str, Any]:
    """The schema of one struct, with those of its parts below `$defs`."""
    (described,), parts = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    name = described["$ref"].rpartition("/")[2]
    return {**parts.pop(name), "$defs": parts} if parts else parts.pop(name)


def schema_file(name: str, schema: dict[str, Any]) -> bytes:
    """The content of a file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:parking-gateway:v1:{name}"}
    return msgspec.json.format(msgspec.json.encode(head | schema), indent=2) + b"\n"
