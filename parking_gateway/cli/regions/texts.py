"""The files of a region as text: its configuration, and what other programs and their administrators need."""

import json
from collections.abc import Mapping
from typing import Any, Final

from parking_gateway.cli.regions.region import Place
from parking_gateway.process.config import Config

RETAINED: Final = ("spaces/+/+/+", "zones/+/+", "sites/+", "devices/+", "gateways/+", "gateways/+/health")
"""The topics below the root that are the picture of a region. All of them are retained."""


def configuration(name: str, table: Mapping[str, Mapping[str, Any]]) -> str:
    """The configuration file of a region. It has no secrets."""
    lines = [
        f"# The region {name}, prepared by `parking-gateway regions prepare`. Passwords are in the folder {name}/."
    ]
    for section, keys in table.items():
        if keys:
            lines += ["", f"[{section}]", *(f"{key} = {_value(value)}" for key, value in keys.items())]
    return "\n".join([*lines, ""])


def credentials(place: Place) -> str:
    """The drop-in that gives systemd's service the secrets."""
    names = ("mqtt__password", "database__url")
    return "\n".join(["[Service]", *(f"LoadCredential={name}:{place.secrets / name}" for name in names), ""])


def rights(place: Place, config: Config) -> str:
    """The lines for Mosquitto's file of rights."""
    root, levels = config.publication.root, config.chirpstack.topic.split("/")
    commands = "/".join([*levels[:-2], "command", "down"])
    return f"""\
# The region {place.name}: its gateway may do what follows, and nothing in another region.
user {config.mqtt.username}
topic read {config.chirpstack.topic}
topic write {commands}
topic readwrite {root}/#

# Operators and dashboards of this region.
user operator
topic write {root}/request/#
topic read {root}/#

user dashboard
topic deny {root}/request/#
topic deny {root}/response/#
topic read {root}/#
"""


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
