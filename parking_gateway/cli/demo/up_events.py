"""Events of ChirpStack v4 in JSON. `up` has every field of a real one."""

import base64
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from parking_gateway.cli.demo.car_park import Device
from parking_gateway.cli.demo.sensors import Payload

_TENANT: Final = "52242dfb-894c-4a12-b8dc-c1838ddfb20c"
_APPLICATION: Final = "a4d93f72-f38e-4a23-b773-343f0e8eaade"
_PROFILE: Final = "1efd5f24-8ee4-43f7-a918-97261bd772dd"
_GATEWAYS: Final = (("02dec0de9a7e0001", 52.3702, 4.8952), ("02dec0de9a7e0002", 52.3731, 4.8926))
_CHANNELS_HZ: Final = (
    868_100_000,
    868_300_000,
    868_500_000,
    867_100_000,
    867_300_000,
    867_500_000,
    867_700_000,
    867_900_000,
)
_ON_THE_WAY: Final = timedelta(milliseconds=200)
"""How long ChirpStack waits for the copies of other gateways."""


def event_topic(device: Device, event: str) -> str:
    """The topic of a device's events of one kind, such as `up`."""
    return f"application/{_APPLICATION}/device/{device.dev_eui}/event/{event}"


def device_info(device: Device) -> dict[str, Any]:
    """What every event has about its device."""
    return {
        "tenantId": _TENANT,
        "tenantName": "Car parks",
        "applicationId": _APPLICATION,
        "applicationName": "Parking sensors",
        "deviceProfileId": _PROFILE,
        "deviceProfileName": device.profile,
        "deviceName": device.name,
        "devEui": device.dev_eui,
        "deviceClassEnabled": "CLASS_A",
        "tags": {"city": "Example", "vendor": device.profile.split()[0].lower()},
    }


def up_event(  # noqa: PLR0913 - the parts of an uplink
    device: Device,
    payload: Payload,
    *,
    deduplication_id: UUID,
    time: datetime,
    f_cnt: int,
    is_confirmed: bool,
    rng: Random,
) -> bytes:
    """The event as bytes, about 1.1 kB. `rng` decides its gateways, signal and data rate."""
    f_port, data = payload
    dr = rng.randint(0, 5)
    channel = rng.randrange(len(_CHANNELS_HZ))
    gateways = rng.sample(_GATEWAYS, rng.choice((1, 1, 1, 2)))
    event = {
        "deduplicationId": str(deduplication_id),
        "time": _nanoseconds(time, rng),
        "deviceInfo": device_info(device),
        "devAddr": f"01{device.dev_eui[-6:]}",
        "adr": True,
        "dr": dr,
        "fCnt": f_cnt,
        "fPort": f_port,
        "confirmed": is_confirmed,
        "data": base64.b64encode(data).decode(),
        "rxInfo": [_reception(gateway, time, channel, rng) for gateway in gateways],
        "txInfo": {
            "frequency": _CHANNELS_HZ[channel],
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 12 - dr, "codeRate": "CR_4_5"}},
        },
        "regionConfigId": "eu868",
    }
    return msgspec.json.encode(event)


def _reception(gateway: tuple[str, float, float], time: datetime, channel: int, rng: Random) -> dict[str, Any]:
    gateway_id, latitude, longitude = gateway
    entry = {
        "gatewayId": gateway_id,
        "uplinkId": rng.getrandbits(32),
        "gwTime": _nanoseconds(time, rng),
        "nsTime": _nanoseconds(time + _ON_THE_WAY, rng),
        "rssi": rng.randint(-120, -70),
        "snr": rng.randint(-80, 48) / 4,
        "channel": channel,
        "rfChain": 1,
        "location": {"latitude": latitude, "longitude": longitude, "altitude": 11.0},
        "context": base64.b64encode(rng.randbytes(4)).decode(),
        "crcStatus": "CRC_OK",
    }
    # ChirpStack leaves these out when they are 0.
    return {name: value for name, value in entry.items() if name not in ("rssi", "snr", "channel") or value}


def _nanoseconds(time: datetime, rng: Random) -> str:
    # Fewer than 500, so that rounding and cutting give the same microsecond.
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}{rng.randrange(500):03}+00:00"
