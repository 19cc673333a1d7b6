"""The OpenAPI 3.1 document, made from the endpoints: their parameters, the types of their answers, and their statuses."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

import parking_gateway
from parking_gateway.contract import messages, overview
from parking_gateway.contract.exports import datex2, parkapi
from parking_gateway.contract.overview import PROBLEM_TYPE, ProblemDetails
from parking_gateway.web.api.endpoint import PREFIX, Asked, Endpoint
from tools.attribute_docs import sentences
from tools.contract_schemas import explained

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_STRUCTS: Final = {
    name: one
    for module in (messages, overview, datex2, parkapi)
    for name, one in vars(module).items()
    if isinstance(one, type) and issubclass(one, msgspec.Struct)
}
"""The structs of answers by their names."""
_TOKEN: Final = "token"  # noqa: S105 - the name of a scheme
_ABOUT: Final = """The state of a car park, read only: spaces, zones, sites, devices and stays, and exports in the forms of others.
A list comes in pages: `next` is the address of the next one. Each answer has an ETag; with it in If-None-Match, an unchanged answer is a
304 without content. If the gateway has tokens, each request needs one of them."""
_ETAG: Final = {"description": "Changes with the answer.", "schema": {"type": "string"}}
_LINK: Final = {"description": 'The next page, with rel="next".', "schema": {"type": "string"}}
_PROBLEMS: Final = {
    400: "A parameter is not valid; `detail` says which.",
    401: "The request has no token that the gateway knows.",
    404: "There is nothing with these names.",
    501: "The gateway is not configured for this export.",
    503: "The database cannot be read now.",
}
_ALWAYS: Final = (400, 401, 503)


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The whole document."""
    types = {one.asked for one in endpoints} | {one.answers for one in endpoints if one.answers} | {ProblemDetails}
    ordered = sorted(types, key=str)
    references, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
    for name, schema in schemas.items():
        # A struct with a parameter has it behind its own name: Page_SpaceItem_.
        if struct := _STRUCTS.get(name.partition("_")[0]):
            explained(schema, sentences(struct))
    schema_of: dict[Any, Json] = dict(zip(ordered, references, strict=True))
    asked = {one.asked: schemas.pop(_name_in(schema_of[one.asked]), None) for one in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "parking-gateway",
            "version": parking_gateway.__version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{}, {_TOKEN: []}],
        "paths": {one.path: {"get": _operation(one, asked, schema_of)} for one in endpoints},
        "components": {
            "schemas": schemas,
            "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _name_in(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _operation(endpoint: Endpoint, asked: dict[type[Asked], Any], schema_of: dict[Any, Json]) -> Json:
    answered = schema_of[endpoint.answers] if endpoint.answers else {"type": "string"}
    headers = {"ETag": _ETAG} | ({"Link": _LINK} if "limit" in endpoint.asked.__struct_fields__ else {})
    found: Json = {
        "200": {
            "description": endpoint.summary,
            "content": {endpoint.content: {"schema": answered}},
            **({"headers": headers} if not endpoint.is_streamed else {}),
        }
    }
    if not endpoint.is_streamed:
        found["304"] = {"description": "The answer is that of the ETag in If-None-Match."}
    for status in sorted({*_ALWAYS, *endpoint.statuses}):
        found[str(status)] = {
            "description": _PROBLEMS[status],
            "content": {PROBLEM_TYPE: {"schema": schema_of[ProblemDetails]}},
        }
    described = {"description": endpoint.details} if endpoint.details else {}
    return {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        **described,
        "parameters": [*_parameters(endpoint, asked[endpoint.asked])],
        "responses": found,
    }


def _parameters(endpoint: Endpoint, schema: Json) -> list[Json]:
    found = []
    for name, described in schema["properties"].items():
        is_in_path = f"{{{name}}}" in endpoint.path
        one = _without_null(described)
        text = sentences(endpoint.asked).get(name) or one.pop("description")
        found.append(
            {
                "name": name,
                "in": "path" if is_in_path else "query",
                "required": is_in_path or name in schema.get("required", ()),
                "description": text,
                "schema": one,
            }
        )
    return found


def _without_null(schema: Json) -> Json:
    """A parameter that is left out is null for us, and has no such value in an address."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**rest, **kinds[0]} if kinds else rest
