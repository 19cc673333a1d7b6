"""Asks the database of vulnerabilities about every pinned dependency: `python -m tools.audit PIP_AUDIT REQUIREMENTS`.

pip-audit succeeds where PyPI's vulnerabilities cannot be reached, as behind a mirror of the packages alone. Here that is said, and is
a failure unless `--may-be-unreachable` is given.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

_VULNERABLE: Final = 1
_NOT_ASKED: Final = 3


def found_in(document: Mapping[str, Any]) -> tuple[list[str], int, int]:
    """A line for each vulnerability in pip-audit's JSON, and how many dependencies could be asked about, of how many."""
    dependencies = document["dependencies"]
    asked = [one for one in dependencies if "skip_reason" not in one]
    lines = [
        f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for one in asked
        for vulnerability in one["vulns"]
    ]
    return lines, len(asked), len(dependencies)


def main(arguments: Sequence[str]) -> int:
    """Ask, print the outcome, and return the exit status."""
    may_be_unreachable = "--may-be-unreachable" in arguments
    program, requirements = (one for one in arguments if not one.startswith("--"))
    command = [program, "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    ended = subprocess.run([*command, "--requirement", requirements], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    try:
        lines, asked, total = found_in(json.loads(ended.stdout))
    except ValueError:
        reason = (ended.stderr.strip().splitlines() or ["no reason"])[-1]
        lines, asked, total = [], 0, 0
        sys.stdout.write(f"pip-audit could not ask: {reason}\n")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(
        f"Asked about {asked} of {total} pinned dependencies of {requirements}: {len(lines)} vulnerabilities\n"
    )
    if lines:
        return _VULNERABLE
    if asked == total > 0:
        return 0
    sys.stdout.write(
        "COULD NOT ASK about all: the vulnerabilities of PyPI are not reachable here. Run `make audit` elsewhere\n"
    )
    return 0 if may_be_unreachable else _NOT_ASKED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
