"""ChirpStack's `up` events for tests: every field is real, and the few that matter are arguments."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from parking_gateway.broker.message import Message

NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
"""Noon of yesterday: the time of an event that is older than the broker's session is not believed."""
OCCUPIED, VACANT = b"\x01", b"\x00"
"""A status of the Bosch TPS110 on port 1."""


def up(  # noqa: PLR0913 - an event has many fields, and a test sets few
    dev_eui: str,
    data: bytes = OCCUPIED,
    *,
    at: float = 0,
    f_cnt: int = 0,
    f_port: int = 1,
    deduplication_id: UUID | str | None = None,
    tags: dict[str, str] | None = None,
    profile: str = "Parking sensor",
) -> bytes:
    """An uplink of `at` minutes after noon, as the network server dates it."""
    heard_at = NOON + timedelta(minutes=at)
    event = {
        "deduplicationId": str(deduplication_id or uuid4()),
        "time": heard_at.isoformat(timespec="microseconds").replace("+00:00", "000+00:00"),
        "deviceInfo": {
            "tenantId": "52242dfb-894c-4a12-b8dc-c1838ddfb20c",
            "tenantName": "Stadtwerke",
            "applicationId": "a4d93f72-f38e-4a23-b773-343f0e8eaade",
            "applicationName": "Parking",
            "deviceProfileId": "1efd5f24-8ee4-43f7-a918-97261bd772dd",
            "deviceProfileName": profile,
            "deviceName": f"bay {dev_eui[-3:]}",
            "devEui": dev_eui,
            "deviceClassEnabled": "CLASS_A",
            "tags": tags or {},
        },
        "devAddr": "01a2d830",
        "adr": True,
        "dr": 5,
        "fCnt": f_cnt,
        "fPort": f_port,
        "confirmed": False,
        "data": base64.b64encode(data).decode(),
        "rxInfo": [
            {
                "gatewayId": "83d9f4c106d20001",
                "uplinkId": 168630618,
                "nsTime": heard_at.isoformat(),
                "rssi": -102,
                "snr": -7.25,
                "channel": 4,
                "location": {"latitude": 52.37, "longitude": 4.9, "altitude": 11.0},
                "context": "Cg0ZWg==",
                "crcStatus": "CRC_OK",
            }
        ],
        "txInfo": {
            "frequency": 868100000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
        "regionConfigId": "eu868",
    }
    return json.dumps(event).encode()


def about(dev_eui: str, *, at: float, **fields: object) -> bytes:
    """Another event of a device, such as `txack`, of `at` minutes after noon."""
    time = (NOON + timedelta(minutes=at)).isoformat()
    info = {"applicationId": "a4d93f72-f38e-4a23-b773-343f0e8eaade", "devEui": dev_eui}
    return json.dumps({"time": time, "deviceInfo": info, **fields}).encode()


def topic_of(dev_eui: str, event: str = "up") -> str:
    """The topic that ChirpStack publishes such an event on."""
    return f"application/a4d93f72-f38e-4a23-b773-343f0e8eaade/device/{dev_eui}/event/{event}"


def message(dev_eui: str, payload: bytes, *, event: str = "up", is_redelivered: bool = False) -> Message:
    """The message as the broker module hands it over."""
    return Message(topic_of(dev_eui, event), payload, 1, 1, is_redelivered)


def dev_eui_of(number: int) -> str:
    """A DevEUI for the device of that number."""
    return f"a8404100{number:08x}"
