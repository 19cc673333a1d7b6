"""Pictures of the board for the README, from a running demo: `python -m tools.screenshots`. Needs Debian's Chromium."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
_SECONDS: Final = 150
"""Of the demo: until the pictures are made."""
_LIFE_MS: Final = 60_000
"""So long cars come and go before the first picture."""
_STILL_MS: Final = 500
_ADDRESS: Final = re.compile(r"^The board.* (http://\S+)")
_DESK: Final = ViewportSize(width=1440, height=900)
_PHONE: Final = ViewportSize(width=390, height=844)


def main() -> None:
    """Make all of them."""
    program = shutil.which("chromium") or sys.exit("Chromium is not installed: apt-get install chromium")
    with demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        first = opened(browser, address, viewport=_DESK)
        first.wait_for_timeout(_LIFE_MS)
        shoot(first, "light")
        with_details = opened(browser, address, viewport=_DESK, color_scheme="dark")
        with_details.locator('.tile[data-state="RESERVED"]').first.click()
        shoot(with_details, "dark")
        shoot(opened(browser, address, viewport=_PHONE), "phone")
        shoot(opened(browser, f"{address}sign/central/level-0", viewport=ViewportSize(width=960, height=540)), "sign")
        browser.close()


@contextmanager
def demo() -> Iterator[str]:
    """The address of the board of a demo."""
    command = [sys.executable, "-m", "parking_gateway", "demo", "--for", str(_SECONDS), "--seed", "16"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - ours
        output = process.stdout or ()
        found = next(filter(None, map(_ADDRESS.search, output)), None)
        try:
            yield found[1] if found else sys.exit("The demo has not started")
        finally:
            process.terminate()
            for _ in output:
                pass  # it ends by itself, and a full pipe would block it


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """A page that is live."""
    page = browser.new_page(**options)
    page.goto(address)
    page.locator('[data-connection="live"], [data-sign]:not([data-sign="waiting"])').first.wait_for()
    return page


def shoot(page: Page, name: str) -> None:
    """Write the picture, without the rings around spaces that have just changed."""
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_timeout(_STILL_MS)
    page.screenshot(path=IMAGES / f"board-{name}.png")


if __name__ == "__main__":
    main()
