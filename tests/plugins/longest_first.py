"""The longest tests begin first, so that no worker ends with one of them alone."""

from typing import Final

import pytest

_LONGEST: Final = ("tests/pages/", "tests/packages/", "tests/year/", "tests/project/")
"""Each prepares something for a minute: a machine, a package, a city, an installation."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them before the others, which keep their order: tests of a module share what it prepares."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
