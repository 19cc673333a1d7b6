"""Files that are shipped with the program and are no code: the sample configuration, units, files for other programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]
_WHEEL: Final = _PACKAGE / "shipped"
"""Within the package, where it was installed from a wheel. In a checkout, the files lie at their own places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A file, or a folder of files, for one purpose."""

    name: str
    purpose: str
    in_checkout: str
    """Its path in a checkout."""

    @property
    def path(self) -> Path:
        """Where it is on this machine."""
        return _WHEEL / self.name if _WHEEL.is_dir() else _PACKAGE.parent / self.in_checkout

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file, by the name that people use: `mosquitto/mosquitto.conf`."""
        if self.path.is_file():
            yield self.name, self.path
            return
        for file in sorted(self.path.rglob("*")):
            if file.is_file():
                yield f"{self.name}/{file.relative_to(self.path)}", file


CONFIGURATION: Final = Shipped(
    name="config.toml", purpose="the sample configuration, with every key and its default", in_checkout="config.toml"
)
SCHEMAS: Final = Shipped(
    name="schemas",
    purpose="JSON Schemas of every message, request and reply, and the documents of AsyncAPI and OpenAPI",
    in_checkout="schemas",
)
ALL: Final = (
    CONFIGURATION,
    Shipped(name="systemd", purpose="units, the user and the folders of the service", in_checkout="systemd"),
    Shipped(name="mosquitto", purpose="the broker: its configuration and who may do what", in_checkout="docs/examples"),
    Shipped(
        name="subscribers",
        purpose="a flow of Node-RED, and a configuration of Telegraf",
        in_checkout="docs/subscribers",
    ),
    Shipped(name="prometheus", purpose="scraping, and the rules of alerts", in_checkout="prometheus"),
    Shipped(name="grafana", purpose="dashboards, and the files that provision them", in_checkout="grafana"),
    SCHEMAS,
)
