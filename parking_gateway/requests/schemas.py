"""The parameters of every verb as JSON Schema: the files of `schemas/requests/`."""

from typing import Any, Final

from parking_gateway.contract.schemas import schema_file, schema_of
from parking_gateway.requests.verbs import Verb, verbs

FOR_ALL: Final[dict[str, Any]] = {
    "by": {"type": "string", "description": "Who asks, unless the user property `by` or `client` names the requester."},
    "transaction": {"type": ["string", "integer"], "description": "Copied to the reply."},
}
"""Parameters of every verb."""


def schema_files() -> dict[str, bytes]:
    """File name and content of every schema."""
    return {f"{verb.name.replace('/', '_')}.json": _file(verb) for verb in verbs().values()}


def _file(verb: Verb) -> bytes:
    schema = schema_of(verb.asked)
    schema["properties"] |= FOR_ALL
    return schema_file(f"request:{verb.name}", schema | {"additionalProperties": False})
