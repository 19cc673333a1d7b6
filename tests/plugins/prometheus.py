"""Prometheus with the rules of this project, where it is installed."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

_FOLDER: Final = Path(__file__).parents[2] / "prometheus"
_PATIENCE: Final = 60
_FASTER: Final = {"scrape_interval": "1s", "evaluation_interval": "1s"}


class Prometheus:
    """One that runs and scrapes."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOCALHOST}:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        with urlopen(f"{self._url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as response:
            answer = json.load(response)
        assert answer["status"] == "success"
        return answer["data"]

    def query(self, expression: str) -> list[Any]:
        """The series of an expression now. Raises HTTPError where it is no PromQL."""
        return list(self.ask("query", query=expression)["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health and, of an alert, its state."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


Scraping = Callable[[str], Prometheus]
"""Starts one that scrapes this address every second."""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Scraping]:
    """Starts them with the configuration of this project."""
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed")
    with ExitStack() as stack:

        def start(target: str) -> Prometheus:
            port = free_port()
            command = (
                "prometheus",
                f"--config.file={_configuration(tmp_path, target)}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address={LOCALHOST}:{port}",
                "--log.level=error",
            )
            process = stack.enter_context(subprocess.Popen(command, cwd=tmp_path))
            stack.callback(process.terminate)
            started = Prometheus(port)
            for attempt in Retrying(
                retry=retry_if_exception_type((OSError, HTTPException)),
                wait=wait_fixed(0.05),
                stop=stop_after_delay(_PATIENCE),
                reraise=True,
            ):
                with attempt:
                    started.query("vector(1)")
            return started

        yield start


def _configuration(folder: Path, target: str) -> Path:
    """A copy of the project's own, with this target and short intervals."""
    settings = yaml.safe_load((_FOLDER / "prometheus.yml").read_text())
    settings["global"] |= _FASTER
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    settings["rule_files"] = [str(_FOLDER / file) for file in settings["rule_files"]]
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(settings))
    return file
