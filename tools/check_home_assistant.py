"""Holds the announcements of `tests/contract/home_assistant` against Home Assistant itself.

It runs in an environment of its own, with the Python that this Home Assistant needs, and imports nothing of the gateway:
`make check-home-assistant`. Each payload is read as Home Assistant reads a message, each of its components by the schema of its platform,
and the templates are rendered with messages of the contract.

This Home Assistant refuses `child_devices`, which are newer, so the spaces of a zone are read as if each were a device. The payloads
are then read once more by the discovery schema of a newer Home Assistant, whose files lie in the folder of the argument. It needs a newer
Python as a whole, but not these files alone.
"""

import asyncio
import importlib
import json
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from homeassistant import const
from homeassistant.components.mqtt import binary_sensor, sensor, util
from homeassistant.components.mqtt.discovery import TOPIC_MATCHER, MQTTDiscoveryPayload, _merge_common_device_options
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation, frame
from homeassistant.helpers.template import Template

GOLDEN: Final = Path(__file__).parent.parent / "tests/contract/home_assistant"
PLATFORMS: Final = {"sensor": sensor.DISCOVERY_SCHEMA, "binary_sensor": binary_sensor.DISCOVERY_SCHEMA}
SPACE: Final = {"state": "OCCUPIED", "occupancy": "occupied", "contact": "live", "battery_percent": 93}
MESSAGES: Final = {
    "spaces": (SPACE, SPACE | {"occupancy": "unknown", "contact": "never", "battery_percent": None}),
    "devices": ({"last_heard": "2026-11-23T10:00:00.123000Z"}, {"last_heard": None}),
    "zones": ({"free": 37, "occupied": 81},),
    "gateways": ({"status": "online"}, {"status": "offline"}),
}
EXPECTED: Final = {
    "state": {"OCCUPIED"},
    "occupancy": {"ON", "None"},
    "contact": {"ON", "OFF"},
    "battery": {"93", "None"},
    "last_heard": {"2026-11-23T10:00:00.123000Z", "None"},
    "free": {"37"},
    "occupied": {"81"},
}
"""The results of the templates of each component, by the end of its name."""


def require(is_so: bool, mistake: str) -> None:  # noqa: FBT001 - as an assertion
    """End with the mistake."""
    if not is_so:
        raise SystemExit(mistake)


def payloads() -> Iterator[dict[str, Any]]:
    """Those of the golden files."""
    for file in sorted(GOLDEN.glob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


def devices(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The payload without its children, and each child as a payload of its own."""
    children = payload.pop("child_devices", [])
    yield payload
    for child in children:
        device = payload["device"] | {"identifiers": child["identifiers"], "name": child["name"]}
        yield payload | {"device": device, "components": child["components"]}


def rendered(template: Template, topic: str) -> set[str]:
    """The results of the template for the messages of a topic."""
    messages = map(json.dumps, MESSAGES[topic.split("/")[2]])
    return {str(template.async_render_with_possible_json_value(message)) for message in messages}


def check_component(name: str, component: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    """Raise what Home Assistant raises."""
    config = MQTTDiscoveryPayload(component)
    platform = config.pop("platform")
    config["device"] = payload["device"]
    config["origin"] = payload["origin"]
    _merge_common_device_options(config, payload)
    config = PLATFORMS[platform](config)
    (kind,) = (kind for kind in EXPECTED if name == kind or name.endswith(f"_{kind}"))
    found = rendered(config["value_template"], config["state_topic"])
    require(found == EXPECTED[kind], f"{name} is rendered as {found}")
    for available in config.get("availability", ()):
        found = rendered(available["value_template"], available["topic"])
        require({"online"} <= found <= {"online", "offline"}, f"the availability of {name} is rendered as {found}")


def newer_schemas(folder: Path) -> Any:
    """The module of a newer Home Assistant that has the discovery schema, with the helpers of this one."""
    sys.path.append(str(folder))  # for the library of its schemas
    platforms = runpy.run_path(str(folder / "homeassistant/generated/entity_platforms.py"))
    const.Platform = platforms["EntityPlatforms"]
    config_validation.removed = lambda *_, **__: lambda value: value  # of options that we do not use
    package = ModuleType("newer")
    package.__path__ = [str(folder / "homeassistant/components/mqtt")]
    sys.modules |= {"newer": package, "newer.util": util}
    return importlib.import_module("newer.schemas")


async def main(newer: Path) -> None:
    """Check every file. Ends with a traceback for the first that Home Assistant refuses."""
    frame.async_setup(HomeAssistant(""))
    count = 0
    for payload in payloads():
        topic = f"device/{payload['device']['identifiers'][0]}/config"
        require(TOPIC_MATCHER.match(topic) is not None, f"{topic} is no topic of a device")
        for one in devices(payload):
            DEVICE_DISCOVERY_SCHEMA(one)
            for name, component in one["components"].items():
                check_component(name, component, one)
                count += 1
    sys.stdout.write(f"Home Assistant {const.__version__} accepts all {count} components\n")
    schemas = newer_schemas(newer)
    for payload in payloads():
        schemas.DEVICE_DISCOVERY_SCHEMA(payload)
        schemas.validate_device_discovery_components(payload)
    sys.stdout.write("The schema of a newer one accepts all of them, with the child devices\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
