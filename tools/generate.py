"""Files of a checkout that are made from its code: `python -m tools.generate` writes them, `--check` compares.

They are the JSON Schemas of the contract and of the requests, the documents of AsyncAPI and OpenAPI, the pages of the devices, and single pages of the reference. A
folder of `folders` holds no other files; the `single_files` lie beside files that people write.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from parking_gateway.contract.schemas import schema_files
from parking_gateway.requests.schemas import schema_files as request_schema_files
from parking_gateway.web.api.exchange import ENDPOINTS
from tools import (
    cli_page,
    command_pages,
    configuration_page,
    metrics_page,
    openapi_document,
    state_machine,
    topics_page,
)
from tools.contract_document import document, encoded
from tools.device_pages import pages

Files = Mapping[str, bytes]
"""The files of one folder, by name."""


def folders(checkout: Path) -> dict[Path, Files]:
    """The generated folders, and their files."""
    devices = {name: text.encode() for name, text in pages(checkout / "tests" / "decoders").items()}
    return {
        checkout / "schemas": schema_files()
        | {"asyncapi.json": encoded(document(checkout)), "openapi.json": encoded(openapi_document.document(ENDPOINTS))},
        checkout / "schemas" / "requests": request_schema_files(),
        checkout / "docs" / "reference" / "devices": devices,
    }


def single_files(checkout: Path) -> dict[Path, bytes]:
    """The generated files that lie beside others."""
    docs = checkout / "docs"
    texts = {
        docs / "reference" / "commands.md": cli_page.page(),
        docs / "reference" / "configuration.md": configuration_page.page((checkout / "config.toml").read_text("utf-8")),
        docs / "reference" / "metrics.md": metrics_page.page(
            (checkout / "prometheus" / "rules.yml").read_text("utf-8")
        ),
        docs / "reference" / "topics.md": topics_page.page(document(checkout)),
        docs / "explanation" / "state-machine.md": state_machine.page(),
        docs / "images" / "state-machine.svg": state_machine.picture(),
    }
    texts |= {checkout / "packaging" / "shell" / path: text for path, text in command_pages.installed().items()}
    return {file: text.encode() for file, text in texts.items()}


def stale(folder: Path, files: Files) -> Iterator[Path]:
    """The files that are missing, differ, or do not belong there."""
    present = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} if folder.is_dir() else {}
    for name in sorted(present.keys() | files.keys()):
        if present.get(name) != files.get(name):
            yield folder / name


def write(folder: Path, files: Files) -> None:
    """Make the folder hold exactly these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in stale(folder, files):
        if file.name in files:
            file.write_bytes(files[file.name])
        else:
            file.unlink()


_CHECK: Final = "--check"


def main(*arguments: str) -> str | None:
    """Write the files below the current directory, or compare them with `--check`. Returns the mistakes."""
    differing: list[str] = []
    for folder, files in folders(Path()).items():
        differing += map(str, stale(folder, files))
        if _CHECK not in arguments:
            write(folder, files)
    for file, content in single_files(Path()).items():
        if not file.is_file() or file.read_bytes() != content:
            differing.append(str(file))
            if _CHECK not in arguments:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
    if differing and _CHECK in arguments:
        return f"These files differ from the code: {', '.join(differing)}. Run: make generate"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
