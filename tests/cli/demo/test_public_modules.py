"""Tests and benchmarks use the modules of the demo that are public, and no others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEMO = "parking_gateway.cli.demo"
PUBLIC = {"amqtt_broker", "audit", "audited_topics", "brokers", "fleet", "ledger", "publisher", "recorded", "retained"}
FILES = [
    file
    for folder in ("tests", "benchmarks")
    for file in (ROOT / folder).rglob("*.py")
    if ROOT / "tests" / "cli" / "demo" not in file.parents
]


def demo_modules(source: str) -> Iterator[str]:
    """The modules of the demo that a source file imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == DEMO:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{DEMO}."):
            yield node.module.removeprefix(f"{DEMO}.")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix(DEMO) for alias in node.names if alias.name.startswith(DEMO))


def test_only_public_modules_of_the_demo_are_imported_from_outside() -> None:
    imported = {file.relative_to(ROOT): set(demo_modules(file.read_text())) for file in FILES}
    assert set().union(*imported.values()) == PUBLIC
    assert {str(file): found - PUBLIC for file, found in imported.items() if found - PUBLIC} == {}


@pytest.mark.parametrize(
    "line", ["from parking_gateway.cli.demo import run", "from parking_gateway.cli.demo.run import Setup"]
)
def test_an_import_of_a_private_module_is_found(line: str) -> None:
    assert list(demo_modules(line)) == ["run"]
