"""Events that ChirpStack has stored, as its API has them: the topic on which MQTT would have carried one."""

import msgspec

UP = "up"
"""The description of an uplink."""
_UNKNOWN = "unknown"


class _Info(msgspec.Struct, rename="camel"):
    application_id: str = _UNKNOWN


class _Event(msgspec.Struct, rename="camel"):
    device_info: _Info = msgspec.field(default_factory=_Info)


_decode = msgspec.json.Decoder(_Event).decode


def topic_of(body: bytes, dev_eui: str) -> str:
    """The topic of the uplink with this body. A body that is no event gets one too, and is rejected like any message."""
    try:
        application = _decode(body).device_info.application_id
    except msgspec.MsgspecError:
        application = _UNKNOWN
    return f"application/{application.replace('/', '_') or _UNKNOWN}/device/{dev_eui}/event/{UP}"
