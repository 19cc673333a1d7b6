"""The `up` events of ChirpStack 4.20 for a TPS110, as JSON and as protobuf: about 1.1 kB and 0.5 kB."""

import base64
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

import msgspec
from google.protobuf.json_format import ParseDict

from benchmarks.car_park import APPLICATION, PROFILE, TAGS, dev_eui_of, device_name_of

Form = Literal["json", "protobuf"]
"""ChirpStack's setting: it publishes all events in one of the two."""

_APPLICATION: Final = "a4d93f72-f38e-4a23-b773-343f0e8eaade"
_GATEWAYS: Final = (("83d9f4c106d20001", -102, -7.25), ("83d9f4c106d20002", -114, -11.5))


class UplinkFields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that differ between two uplinks."""

    deduplication_id: str
    time: datetime
    space: int
    f_cnt: int
    data: bytes
    gateways: int
    """The number of LoRaWAN gateways, 1 or 2."""


def topic_of(space: int) -> str:
    """The topic of the uplinks of this space's device."""
    return f"application/{_APPLICATION}/device/{dev_eui_of(space)}/event/up"


def write(fields: UplinkFields, form: Form) -> bytes:
    """The event's bytes."""
    return _write_json(fields) if form == "json" else _write_protobuf(fields)


@cache
def _event(gateways: int) -> dict[str, Any]:
    """An `up` event with all fields that are the same in all uplinks."""
    return {
        "deduplicationId": "",
        "time": "",
        "deviceInfo": {
            "tenantId": "52242dfb-894c-4a12-b8dc-c1838ddfb20c",
            "tenantName": "Stadtwerke",
            "applicationId": _APPLICATION,
            "applicationName": APPLICATION,
            "deviceProfileId": "1efd5f24-8ee4-43f7-a918-97261bd772dd",
            "deviceProfileName": PROFILE,
            "deviceName": "",
            "devEui": "",
            "deviceClassEnabled": "CLASS_A",
            "tags": TAGS,
        },
        "devAddr": "01a2d830",
        "adr": True,
        "dr": 5,
        "fCnt": 0,
        "fPort": 1,
        "confirmed": False,
        "data": "",
        "rxInfo": [
            {
                "gatewayId": gateway,
                "uplinkId": 168630618,
                "rssi": rssi,
                "snr": snr,
                "channel": 4,
                "rfChain": 1,
                "location": {"latitude": 52.37, "longitude": 4.9, "altitude": 11.0},
                "context": "Cg0ZWg==",
                "crcStatus": "CRC_OK",
            }
            for gateway, rssi, snr in _GATEWAYS[:gateways]
        ],
        "txInfo": {
            "frequency": 868100000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
        "regionConfigId": "eu868",
    }


_encode: Final = msgspec.json.Encoder().encode


def _write_json(fields: UplinkFields) -> bytes:
    event = _event(fields.gateways)
    device = {"deviceName": device_name_of(fields.space), "devEui": dev_eui_of(fields.space)}
    time = f"{fields.time:%Y-%m-%dT%H:%M:%S.%f}000+00:00"
    return _encode(
        event
        | {
            "deduplicationId": fields.deduplication_id,
            "time": time,
            "rxInfo": [{"gwTime": time, "nsTime": time, **one} for one in event["rxInfo"]],
            "deviceInfo": event["deviceInfo"] | device,
            "fCnt": fields.f_cnt,
            "data": base64.b64encode(fields.data).decode(),
        }
    )


def _write_protobuf(fields: UplinkFields) -> bytes:
    message = _message(fields.gateways)
    message.deduplication_id = fields.deduplication_id
    message.time.FromDatetime(fields.time)
    for one in message.rx_info:
        one.gw_time.CopyFrom(message.time)
        one.ns_time.CopyFrom(message.time)
    message.device_info.device_name = device_name_of(fields.space)
    message.device_info.dev_eui = dev_eui_of(fields.space)
    message.f_cnt = fields.f_cnt
    message.data = fields.data
    return bytes(message.SerializeToString())


@cache
def _message(gateways: int) -> Any:
    """One message that is reused."""
    from chirpstack_api.integration import UplinkEvent  # noqa: PLC0415 - an optional dependency of the gateway

    return ParseDict({**_event(gateways), "time": "2026-11-23T17:23:33Z"}, UplinkEvent())
