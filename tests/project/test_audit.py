"""The audit of the dependencies: a vulnerability fails it, and so does a database that could not be asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import audit

GOOD: dict[str, Any] = {"name": "good", "version": "1", "vulns": []}
BAD: dict[str, Any] = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED: dict[str, Any] = {"name": "other", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "options", "status", "expected"),
    [
        ([GOOD], (), 0, "Asked about 1 of 1 pinned dependencies"),
        ([GOOD, BAD], (), 1, "bad 2: PYSEC-1, fixed in 3"),
        ([SKIPPED, BAD], ("--may-be-unreachable",), 1, "bad 2: PYSEC-1, fixed in 3"),
        ([GOOD, SKIPPED], (), 3, "COULD NOT ASK"),
        ([SKIPPED], ("--may-be-unreachable",), 0, "COULD NOT ASK"),
        (None, (), 3, "pip-audit could not ask: no network"),
    ],
)
def test_only_answers_about_every_dependency_are_a_success(
    *,
    dependencies: list[dict[str, Any]] | None,
    options: tuple[str, ...],
    status: int,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = tmp_path / "pip-audit"
    output = (
        f"cat <<'END'\n{json.dumps({'dependencies': dependencies})}\nEND" if dependencies else "echo no network >&2"
    )
    program.write_text(f"#!/bin/sh\n{output}\n")
    program.chmod(0o755)
    assert audit.main([str(program), "requirements.txt", *options]) == status
    assert expected in capsys.readouterr().out
