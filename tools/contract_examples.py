"""Examples of messages for the AsyncAPI document. Those of our own contract stand in docs/reference/contract.md."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from parking_gateway.chirpstack.commands import DownlinkCommand
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.contract.home_assistant import Place, discovery
from parking_gateway.core.announcement import AnnouncedSpace, Announcement

_SITE: Final = {"site": "central"}
_ZONE: Final = _SITE | {"zone": "level-1"}
_SPACE: Final = _ZONE | {"space": "A-012"}
_DEVICE: Final = {"dev_eui": "a84041000181c061"}
_ORDER: Final = {"on": True, "reason": "wet paint", "until": "2026-11-23T18:00:00+01:00"}

REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "counter/assign": _ZONE | {"dev_eui": "0018b21000002f01", "direction": "in", "codec": "parametric_pcr2"},
    "counter/unassign": {"dev_eui": "0018b21000002f01"},
    "device/assign": _SPACE | _DEVICE | {"codec": "milesight_em310_udl", "options": {"occupied_below": 1500}},
    "device/downlink": _DEVICE | {"bytes": "ff03b004", "f_port": 85},
    "device/observe": _DEVICE | {"observe": 50},
    "device/unassign": _DEVICE,
    "indicator/list": {},
    "indicator/remove": {"dev_eui": "70b3d57050001234"},
    "indicator/set": {"dev_eui": "70b3d57050001234", "model": "busylight", "places": ["central/level-1/A-012"]},
    "reservation/cancel": {"reservation": "4711"},
    "reservation/create": _SPACE
    | {
        "start": "2026-11-23T09:00:00+01:00",
        "end": "2026-11-23T11:00:00+01:00",
        "request_id": "booking-815",
        "holder": "anna",
        "by": "reception",
    },
    "reservation/extend": {"reservation": "4711", "end": "2026-11-23T12:00:00+01:00"},
    "reservation/list": _ZONE | {"start": "2026-11-23T00:00:00+01:00", "limit": 100},
    "site/maintenance": _SITE | _ORDER,
    "site/remove": _SITE | {"with_spaces": True, "dry_run": True},
    "site/rename": _SITE | {"name": "central-station"},
    "site/set": _SITE | {"settings": {"time_zone": "Europe/Berlin"}},
    "space/acknowledge": _SPACE,
    "space/get": _SPACE | {"by": "anna", "transaction": 7},
    "space/maintenance": _SPACE | _ORDER,
    "space/release": _SPACE,
    "space/remove": _SPACE | {"dry_run": True},
    "space/rename": _SPACE | {"name": "A-112", "to_zone": "level-2"},
    "state/republish": {},
    "zone/maintenance": _ZONE | _ORDER,
    "zone/remove": _ZONE | {"with_spaces": True},
    "zone/rename": _ZONE | {"name": "ground-floor"},
    "zone/set": _ZONE | {"settings": {"max_stay": 7200}},
    "zone/set-count": _ZONE | {"count": 118},
}
"""The payload of a request for each verb. A new verb needs one."""


def documented(contract: Path) -> Iterator[tuple[str, Any]]:
    """The name and the example of each message that the page of the contract shows."""
    for part in re.split(r"^## ", contract.read_text(), flags=re.MULTILINE)[1:]:
        if found := re.search(r"^```json\n(.*?)^```", part, re.DOTALL | re.MULTILINE):
            yield part.partition("\n")[0], json.loads(found[1])


def of_chirpstack(recordings: Path) -> Iterator[tuple[str, Any]]:
    """An event of each kind as a real ChirpStack published it: the shortest. `location` needs a service that was not there."""
    events: dict[str, list[bytes]] = {}
    for line in recordings.read_text().splitlines():
        message = json.loads(line)
        events.setdefault(message["topic"].rpartition("/")[2], []).append(base64.b64decode(message["payload"]))
    for name in EVENTS:
        if name in events:
            yield name, json.loads(min(events[name], key=len))


def downlink() -> Any:
    """A downlink for ChirpStack's queue."""
    command = DownlinkCommand(
        id=UUID("0f3fd7b5-4d0c-4a0e-8f5e-7d5f0a6b3c11"),
        dev_eui=_DEVICE["dev_eui"],
        confirmed=True,
        f_port=85,
        data=bytes.fromhex("ff03b004"),
        expires_at=datetime(2026, 11, 23, 22, tzinfo=UTC),
    )
    return json.loads(command.encoded("json") or b"null")


def announcement(root: str) -> Any:
    """The discovery of a space for Home Assistant."""
    announced = Announcement(
        site="central",
        zone="level-1",
        space="A-012",
        spaces=(AnnouncedSpace("A-012", _DEVICE["dev_eui"]),),
        digest="",
    )
    place = Place(root=root, prefix="homeassistant", gateway="garage")
    return json.loads(discovery(announced, place).payload)
