"""The site of the documentation: its navigation is complete, and it needs no other host."""

import re
from pathlib import Path

from tools import configuration_page, database_page, state_machine

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
NAVIGATION = re.findall(r": (\S+\.md)$", CONFIG, re.MULTILINE)


def test_every_page_is_in_the_navigation_once() -> None:
    """The pages of the devices are reached by their list."""
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    devices = {page for page in pages if page.startswith("reference/devices/") and not page.endswith("README.md")}
    assert sorted(NAVIGATION) == sorted(pages - devices)


def test_every_page_has_one_title_at_its_top() -> None:
    for page in DOCS.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        titles = re.findall(r"^# .*", text, re.MULTILINE)
        assert len(titles) == 1, page
        assert re.match(r"(<!--.*-->\n\n?)?# ", text), page


def test_the_site_uses_no_plugin_but_the_search_and_no_font_of_another_host() -> None:
    assert re.findall(r"^plugins:\n((?:  - \w+\n)+)", CONFIG, re.MULTILINE) == ["  - search\n"]
    assert "  font: false\n" in CONFIG
    assert re.findall(r"https?://", CONFIG) == []


def test_keys_with_one_comment_are_one_row_of_the_configuration() -> None:
    page = configuration_page.page(
        '# All.\n\n[one]\n# The section.\n\n# Two | keys.\n#a = 1\n#b = "x"\n# Last.\n#c = 0\n'
    )
    assert page.endswith(
        "## one\n\nThe section.\n\n| key | default | meaning |\n| --- | --- | --- |\n"
        '| `a`, `b` | `1`, `"x"` | Two \\| keys. |\n| `c` | `0` | Last. |\n'
    )


def test_the_picture_has_an_arrow_for_each_legal_step() -> None:
    rows = re.findall(r"^\| `\w+` \| `\w+` \| [a-z ]+ \|$", state_machine.page(), re.MULTILINE)
    assert rows
    assert state_machine.picture().count("<path ") == len(rows)


def test_the_page_of_the_database_is_that_of_the_migrations(database: str) -> None:
    page = database_page.page(database)
    assert page == database_page.PAGE.read_text(encoding="utf-8"), "run: make generate"
    assert [line for line in page.splitlines() if line.endswith("|  |")] == []  # a column without a meaning
