"""Refuses a run against an installation (`INSTALLED` is set) that would import the checkout instead.

The checkout is on the path too, for `tests` and `tools`, but behind the installation. `PYTHONSAFEPATH` keeps the working
directory away from the front of the path, in child processes too.
"""

import os
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest


def pytest_sessionstart() -> None:
    """Look where the packages would be imported from."""
    if not os.environ.get("INSTALLED"):
        return
    if not sys.flags.safe_path:
        raise pytest.UsageError("INSTALLED needs PYTHONSAFEPATH=1, or child processes would import the checkout")
    site = Path(sysconfig.get_path("purelib")).resolve()
    for package in ("parking_gateway", "decoders"):
        spec = find_spec(package)
        place = Path(spec.origin or "").resolve() if spec else None
        if place is None or not place.is_relative_to(site):
            raise pytest.UsageError(f"INSTALLED is set, and {package} would come from {place} instead of {site}")


def pytest_report_header() -> str | None:
    """Name the installation."""
    spec = find_spec("parking_gateway")
    return f"installed: {spec.origin}" if spec and os.environ.get("INSTALLED") else None
