"""The schemas of the AsyncAPI document: of our own messages, and of those of ChirpStack and Home Assistant.

They say the same as the files of `schemas/`, with the sentences of the fields beside them.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.commands import DownlinkCommand
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.contract.home_assistant import Discovery
from parking_gateway.contract.schemas import MESSAGES
from parking_gateway.requests.schemas import FOR_ALL
from parking_gateway.requests.verbs import verbs
from tools.attribute_docs import sentences

Schema = dict[str, Any]
_PLACE: Final = "#/components/schemas/"


def schemas() -> dict[str, Schema]:
    """All of them by name."""
    asked = [verb.asked for verb in verbs().values()]
    found = {
        **_of([*MESSAGES.values()]),
        **_of(asked),
        **_of([Discovery], prefix="HomeAssistant"),
        **_of([*EVENTS.values(), DownlinkCommand], prefix="ChirpStack"),
    }
    for struct in asked:
        schema = found[struct.__name__]
        schema["properties"] = schema.get("properties", {}) | FOR_ALL
        schema["additionalProperties"] = False
    return dict(sorted(found.items()))


def reference(struct: type[msgspec.Struct], *, prefix: str = "") -> Schema:
    """A reference to the schema of a struct."""
    return {"$ref": f"{_PLACE}{prefix}{struct.__name__}"}


def _of(structs: Sequence[type[msgspec.Struct]], *, prefix: str = "") -> dict[str, Schema]:
    _, parts = msgspec.json.schema_components(structs, ref_template=f"{_PLACE}{prefix}{{name}}")
    classes = {
        name: one
        for struct in structs
        for name, one in vars(sys.modules[struct.__module__]).items()
        if isinstance(one, type) and issubclass(one, msgspec.Struct)
    }
    return {
        f"{prefix}{name}": explained(schema, sentences(classes[name]) if name in classes else {})
        for name, schema in parts.items()
    }


def explained(schema: Schema, texts: Mapping[str, str]) -> Schema:
    """The schema of a struct with the sentences of its fields."""
    for name, text in texts.items():
        field = schema["properties"][name]
        if "$ref" in field:  # anything beside a reference is ignored
            field = {"allOf": [field]}
        schema["properties"][name] = field | {"description": text}
    return schema
