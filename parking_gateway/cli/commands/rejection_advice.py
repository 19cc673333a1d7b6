"""What to do about a rejection, by its reason."""

from typing import Final

from parking_gateway.core.events import Reason

_RETRY: Final = "Then: parking-gateway rejections retry"
ADVICE: Final = {
    Reason.TOO_LARGE: "It is not stored whole and cannot be tried again. Raise chirpstack.max_payload_bytes for the next.",
    Reason.TOO_DEEP: "It is nested too deeply to be read, and no setting changes that. Look who publishes on this topic, or which"
    " codec of ChirpStack returns such an object, and mend it for the next.",
    Reason.MALFORMED: "It is no event of ChirpStack. Look who publishes on this topic.",
    Reason.INVALID: "The detail names a wrong field, or says that PostgreSQL refuses the message. A wrong field stays wrong: mend its"
    f" publisher for the next. If PostgreSQL refuses it, mend the cause there. {_RETRY}",
    Reason.CHIRPSTACK_V3: "It comes from ChirpStack v3. Use ChirpStack v4.",
    Reason.PROTOBUF_NOT_INSTALLED: "Let ChirpStack publish JSON, for the next. Or install parking-gateway[protobuf], also for this one."
    f" {_RETRY}",
    Reason.UNDECODABLE: f"The frame does not fit the codec of its device. Choose or mend the codec. {_RETRY}",
    Reason.CODEC_FAILED: f"The codec has a fault. Mend the codec. {_RETRY}",
    Reason.CODEC_OUT_OF_TIME: f"The codec was too slow. {_RETRY}",
    Reason.CODEC_NOT_FOUND: f"Install the codec, or correct its name or its option. {_RETRY}",
    Reason.TOO_MANY_DEVICES: "Its device has no row yet, and gets it with a later uplink. An uplink is recorded all the same. Look who"
    f" publishes so many devices; or import them, or raise limits.new_devices_per_hour. {_RETRY}",
    Reason.GATEWAY_FAILED: f"This is a mistake of the gateway: please report it, and update. {_RETRY}",
}
"""One or more sentences for each reason."""
