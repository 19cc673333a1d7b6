"""Reads ChirpStack's JSON: from bytes to a struct of `events`, and from there to our own values."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.events import EVENTS, Event, meaning
from parking_gateway.chirpstack.optional_fields import lenient, without_nul, without_wrong_fields
from parking_gateway.chirpstack.up import LONG, MANY, DeviceInfo, Sender, Up
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.remembering import remembered


@remembered
def _device(device_info: bytes) -> DeviceIdentity:
    try:
        return _decode_device(device_info).identity()
    except msgspec.ValidationError:  # the same with the whole path
        return _decode_sender(b'{"deviceInfo":' + device_info + b"}").device_info.identity()


class _JsonUp(Up, rename="camel", gc=False):
    """An uplink whose `deviceInfo` stays bytes, because the same bytes give a remembered device."""

    device_info: msgspec.Raw  # type: ignore[assignment]

    def identity(self) -> DeviceIdentity:
        return _device(bytes(self.device_info))


class _UpWithoutObject(Up, rename="camel", gc=False):
    object: dict[str, Any] | None = msgspec.field(default=None, name="")


_decode_device: Final = msgspec.json.Decoder(type=DeviceInfo).decode
_decode_sender: Final = msgspec.json.Decoder(type=Sender).decode
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Event]]] = {
    name: msgspec.json.Decoder(type=event) for name, event in {**EVENTS, "up": _JsonUp}.items()
}
_UP_WITHOUT_OBJECT: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(type=_UpWithoutObject)


def read(name: str, payload: bytes, received_at: datetime, reach: timedelta) -> Uplink | DeviceEvent | Rejection:
    """Read an event, whose name is one of `EVENTS`, or return why it is rejected."""
    # A NUL in a device's name must not cost its uplinks.
    payload = without_nul(payload)
    # A pair of brackets takes 2 bytes of JSON and 90 of memory, and 64 kB of them take 20 ms. No codec makes so many. The
    # object is dropped and the uplink is kept, as with an object that is too deep.
    decoder, event = _DECODERS[name], EVENTS[name]
    if len(payload) > LONG and name == "up" and payload.count(b"[") + payload.count(b"{") > MANY:
        decoder, event = _UP_WITHOUT_OBJECT, _UpWithoutObject
    try:
        return meaning(name, decoder.decode(payload), payload, received_at=received_at, reach=reach)
    except msgspec.ValidationError as error:
        return _read_again(name, event, payload, received_at=received_at, reach=reach) or _invalid(name, payload, error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _read_again(name, event, payload, received_at=received_at, reach=reach) or Rejection(
            reason=Reason.MALFORMED, detail=f"The payload begins like JSON but is not valid JSON: {error}."
        )
    except RecursionError:
        # msgspec counts levels up to the interpreter's limit, also in skipped fields, so no message overflows the stack.
        return Rejection(
            reason=Reason.TOO_DEEP, detail="The JSON is nested deeper than the interpreter's stack allows."
        )


def _read_again(
    name: str, event: type[Event], payload: bytes, *, received_at: datetime, reach: timedelta
) -> Uplink | DeviceEvent | None:
    """Read the event again without the wrong values of its optional fields. None if it is still refused."""
    try:
        fields = without_wrong_fields(lenient(payload), event)
        return meaning(name, msgspec.convert(fields, event), payload, received_at=received_at, reach=reach)
    except (ValueError, RecursionError):  # no JSON at all, or msgspec's
        return None


def _invalid(name: str, payload: bytes, error: msgspec.ValidationError) -> Rejection:
    if b'"devEUI"' in payload and b'"deviceInfo"' not in payload:
        detail = f"The `{name}` event is one of ChirpStack v3 (`devEUI`, no `deviceInfo`): ChirpStack v4 is needed."
        return Rejection(reason=Reason.CHIRPSTACK_V3, detail=detail)
    return Rejection(reason=Reason.INVALID, detail=f"The `{name}` event is not valid: {error}.")
