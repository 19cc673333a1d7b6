"""The public contract as files: `python -m parking_gateway.contract FOLDER` writes a JSON Schema per message."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from parking_gateway.publication import SCHEMAS


def schema_files() -> dict[str, bytes]:
    """File name and content of every schema, JSON Schema 2020-12."""
    return {f"{name}.json": _file(name, _schema(message)) for name, message in SCHEMAS.items()}


def write(folder: Path) -> None:
    """Make the folder hold exactly these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for name, content in schema_files().items():
        (folder / name).write_bytes(content)


def _schema(message: type) -> dict[str, Any]:
    (described,), parts = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    name = described["$ref"].rpartition("/")[2]
    return {**parts.pop(name), "$defs": parts} if parts else parts.pop(name)


def _file(name: str, schema: dict[str, Any]) -> bytes:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:parking-gateway:v1:{name}"}
    return msgspec.json.format(msgspec.json.encode(head | schema), indent=2) + b"\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
