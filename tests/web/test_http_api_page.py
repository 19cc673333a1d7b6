"""The commands of the page about the HTTP API, run as they stand against a gateway."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.plugins.daemon import Daemon
from tests.web.api_client import build

PAGE = (Path(__file__).parents[2] / "docs/reference/http-api.md").read_text()
ADDRESS = "http://127.0.0.1:8090"
EXAMPLES = [
    (commands, shown)
    for commands, shown in re.findall(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)
    if "curl" in commands
]


def require_like(shown: Any, found: Any) -> None:
    """The answer has at least what the page shows: the same names and kinds of values."""
    if isinstance(shown, dict):
        assert shown.keys() <= found.keys()
        for name in shown:
            require_like(shown[name], found[name])
    elif isinstance(shown, list):
        for one in shown:
            require_like(one, found[0])
    else:
        assert type(found) is type(shown)


@pytest.fixture
async def url(daemon: Daemon, engine: AsyncEngine) -> str:
    await build(engine)
    listen = f"{LOCALHOST}:{free_port()}"
    daemon.configure(WEB__LISTEN=listen, WEB__COUNTRY="DE")
    daemon.start_and_wait()
    daemon.wait_for_line("The board is served")
    return f"http://{listen}"


def test_every_command_of_the_page_is_answered_as_the_page_shows(url: str, tmp_path: Path) -> None:
    """The real server, which `HEAD`, compression and streams need."""
    assert len(EXAMPLES) == 6
    for commands, shown in EXAMPLES:
        script = commands.replace(ADDRESS, url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            cwd=tmp_path,
        )
        if shown:
            require_like(json.loads(shown), json.loads(done.stdout))
        assert done.stdout
        assert "304" in done.stdout or "If-None-Match" not in commands
        assert '"status":50' not in done.stdout
    refused = subprocess.run(["curl", "-sI", f"{url}/api/v1/spaces"], capture_output=True, text=True, check=True)
    assert refused.stdout.startswith("HTTP/1.1 200")
    assert "content-type: application/json" in refused.stdout
    assert "content-security-policy" in refused.stdout
