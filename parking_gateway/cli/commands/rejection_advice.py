"""What to do about a rejection, by its reason."""

from typing import Final

from parking_gateway.core.events import Reason

_RETRY: Final = "Then: parking-gateway rejections retry"
ADVICE: Final = {
    Reason.TOO_LARGE: "It is not stored whole and cannot be tried again. Raise chirpstack.max_payload_bytes for the next.",
    Reason.TOO_DEEP: f"The event is nested too deeply. Raise chirpstack.max_depth. {_RETRY}",
    Reason.MALFORMED: "It is no event of ChirpStack. Look who publishes on this topic.",
    Reason.INVALID: f"A field is wrong, or PostgreSQL refuses it: the detail says which. Mend the cause. {_RETRY}",
    Reason.CHIRPSTACK_V3: "It comes from ChirpStack v3. Use ChirpStack v4.",
    Reason.PROTOBUF_NOT_INSTALLED: f"Install parking-gateway[protobuf], or let ChirpStack publish JSON. {_RETRY}",
    Reason.UNDECODABLE: f"The frame does not fit the codec of its device. Choose or mend the codec. {_RETRY}",
    Reason.CODEC_FAILED: f"The codec has a fault. Mend the codec. {_RETRY}",
    Reason.CODEC_OUT_OF_TIME: f"The codec was too slow. {_RETRY}",
    Reason.CODEC_NOT_FOUND: f"Install the codec, or correct its name or its option. {_RETRY}",
    Reason.TOO_MANY_DEVICES: "Its uplink is recorded, and its device gets a row with a later uplink. Look who publishes so many"
    f" devices; or import them, or raise limits.new_devices_per_hour. {_RETRY}",
    Reason.GATEWAY_FAILED: f"This is a mistake of the gateway: please report it, and update. {_RETRY}",
}
"""One or more sentences for each reason."""
