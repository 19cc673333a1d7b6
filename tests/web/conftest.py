"""One gateway with its board and one Chromium for a whole module. Every test has pages of its own."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.web.passwords import hash_of
from tests.plugins.car_park import build
from tests.plugins.daemon import Daemon, daemon_in, end_of
from tests.plugins.postgres import database_on, engine_of

SPACES: Final = 24
OPERATOR, PASSWORD = "anna", "a password of the tests"
PATIENCE: Final = 20_000
"""Milliseconds, for something that takes a moment on an idle machine."""
expect.set_options(timeout=PATIENCE)

Open = Callable[..., Awaitable[Page]]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A running gateway with its board: `central/level-1` with its spaces, `A-1` first."""

    url: str
    daemon: Daemon
    broker: Broker
    database: str
    devices: list[str]


@pytest.fixture(scope="module")
def board(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """The gateway."""
    folder = tmp_path_factory.mktemp("board")
    with ExitStack() as stack:
        broker = stack.enter_context(brokers.running(folder))
        database = stack.enter_context(database_on(postgres))
        devices = asyncio.run(_built(database))
        daemon = stack.enter_context(daemon_in(folder, database, broker, "board"))
        listen = f"{LOCALHOST}:{free_port()}"
        daemon.configure(WEB__LISTEN=listen, WEB__OPERATORS=json.dumps({OPERATOR: hash_of(PASSWORD)}))
        daemon.start_and_wait()
        daemon.wait_for_line("The board is served")
        yield Board(url=f"http://{listen}", daemon=daemon, broker=broker, database=database, devices=devices)
        print(end_of(daemon.log))  # noqa: T201 - pytest shows it with a failure


async def _built(database: str) -> list[str]:
    engine = engine_of(database)
    devices = await build(engine, SPACES)
    await engine.dispose()
    return devices


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium. Leaves the tests out where it is not installed."""
    program = shutil.which("chromium") or pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        # CI is root, and as root Chromium has no sandbox.
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, board: Board) -> AsyncIterator[Open]:
    """Opens a page of the board. At the end, the console has no error, and no page has asked another host."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def opened(path: str = "/", **options: Any) -> Page:
        context = await browser.new_context(**options)
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda line: wrong.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(board.url) else wrong.append(asked.url))
        await page.goto(f"{board.url}{path}")
        return page

    yield opened
    for context in contexts:
        await context.close()
    # The browser itself writes that a gateway or its database is away and that a login is refused; the page has no part in that.
    usual = ("net::ERR_", "status of 401", "status of 503")
    assert [line for line in wrong if not any(one in line for one in usual)] == []
