"""The public contract as files: a JSON Schema for each message."""

from typing import Any

import msgspec

from parking_gateway.contract.messages import SCHEMAS
from parking_gateway.contract.outgoing import OUTGOING_SCHEMAS


def schema_files() -> dict[str, bytes]:
    """File name and content of every schema, JSON Schema 2020-12."""
    messages = SCHEMAS | OUTGOING_SCHEMAS
    return {f"{name}.json": schema_file(name, schema_of(message)) for name, message in messages.items()}


def schema_of(message: type) -> dict[str, Any]:
    """The schema of one struct, with those of its parts below `$defs`."""
    (described,), parts = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    name = described["$ref"].rpartition("/")[2]
    return {**parts.pop(name), "$defs": parts} if parts else parts.pop(name)


def schema_file(name: str, schema: dict[str, Any]) -> bytes:
    """The content of a file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:parking-gateway:v1:{name}"}
    return msgspec.json.format(msgspec.json.encode(head | schema), indent=2) + b"\n"
