"""The description of the API: a valid OpenAPI 3.1 document, to which every answer keeps."""

from collections.abc import Iterator

import httpx
import jsonschema
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.pool import Pool
from parking_gateway.web.api.exchange import ENDPOINTS
from parking_gateway.web.passwords import new_token
from tests.web.api_client import asking, build
from tools.openapi_document import document

DOCUMENT = document(ENDPOINTS)
EXAMPLES = {
    "/spaces": "/spaces?limit=3",
    "/spaces/{site}/{zone}/{space}": "/spaces/north/level-0/a-001",
    "/zones": "/zones?limit=3",
    "/zones/{site}/{zone}": "/zones/north/level-0",
    "/sites": "/sites",
    "/sites/{site}": "/sites/north",
    "/devices": "/devices?has_problem=true",
    "/devices/{dev_eui}": "/devices/a840410000000001",
    "/stays": "/stays?limit=3",
    "/exports/ngsi-ld": "/exports/ngsi-ld?type=ParkingSpot",
    "/exports/datex2": "/exports/datex2?spaces=true",
    "/exports/parkapi": "/exports/parkapi",
    "/exports/cds/events.csv": "/exports/cds/events.csv",
}
NOTHING = {
    "/spaces/{site}/{zone}/{space}": "/spaces/north/level-0/none",
    "/zones/{site}/{zone}": "/zones/north/none",
    "/sites/{site}": "/sites/none",
    "/devices/{dev_eui}": "/devices/0000000000000000",
}


def documented() -> Iterator[tuple[str, str]]:
    for path, operations in DOCUMENT["paths"].items():
        for status in operations["get"]["responses"]:
            yield path, status


def require_described(path: str, answer: httpx.Response) -> None:
    """The answer is one that the document has."""
    described = DOCUMENT["paths"][path]["get"]["responses"][str(answer.status_code)]
    if not answer.content:
        assert "content" not in described
        return
    content_type = answer.headers["content-type"].partition(";")[0]
    schema = described["content"][content_type]["schema"]
    for name in described.get("headers", ()):
        assert name == "Link" or name in answer.headers
    content = answer.json() if content_type.endswith("json") else answer.text
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(content)


def test_the_document_keeps_to_the_official_schema() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_validator_finds_a_mistake_in_the_document() -> None:
    broken = {**DOCUMENT, "paths": {"/spaces": {"get": {"responses": {"200": {}}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


async def test_the_gateway_gives_the_document_that_its_code_makes(pool: Pool) -> None:
    """Where this fails: `make generate`."""
    async with asking(pool) as client:
        answer = await client.get("/api/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_field_of_a_space_is_described_where_its_struct_does() -> None:
    fields = DOCUMENT["components"]["schemas"]["SpaceItem"]["properties"]
    assert fields["since"]["description"] == "When the present state began."
    assert fields["dev_eui"]["description"] == "The sensor; of several the first one. Null: none."


def test_every_parameter_and_operation_is_described() -> None:
    names = [operations["get"]["operationId"] for operations in DOCUMENT["paths"].values()]
    assert len(set(names)) == len(names) == len(EXAMPLES)
    for operations in DOCUMENT["paths"].values():
        for parameter in operations["get"]["parameters"]:
            assert parameter["in"] in ("path", "query")
            assert parameter["description"].endswith(".")
            assert "null" not in str(parameter["schema"])


def _request(path: str, status: str, token: str) -> tuple[str, dict[str, str]]:
    """A request that this endpoint answers with this status."""
    address = f"/api/v1{EXAMPLES[path]}"
    known = {"Authorization": f"Bearer {token}"}
    match status:
        case "304":
            return address, known | {"If-None-Match": "*"}
        case "400":
            return f"{address}{'&' if '?' in address else '?'}wrong=1", known
        case "401":
            return address, {}
        case "404":
            return f"/api/v1{NOTHING[path]}", known
        case _:
            return address, known


async def test_every_documented_answer_is_given_and_keeps_to_its_schema(engine: AsyncEngine, pool: Pool) -> None:
    await build(engine)
    token, hashed = new_token()
    hashes = {"test": hashed}
    seen = set()
    async with asking(pool, country="DE", tokens=hashes) as whole, asking(pool, tokens=hashes) as without_country:
        # Those without the database come last, because nothing can be read any more.
        for path, status in sorted(documented(), key=lambda one: one[1]):
            if status == "503" and status not in seen:
                async with engine.begin() as connection:
                    for table in ("space", "device", "past_stay"):
                        await connection.exec_driver_sql(f"alter table {table} rename to hidden_{table}")
            seen.add(status)
            client = without_country if status == "501" else whole
            address, headers = _request(path, status, token)
            answer = await client.get(address, headers=headers)
            assert answer.status_code == int(status), f"{address}: {answer.text}"
            require_described(path, answer)
    assert seen == {"200", "304", "400", "401", "404", "501", "503"}


def test_a_schema_refuses_another_answer() -> None:
    """Without this, a schema that accepts everything would pass."""
    with pytest.raises(jsonschema.ValidationError):
        require_described("/sites", httpx.Response(200, json={"items": [{}], "next": None}, headers={"ETag": "x"}))
