"""ChirpStack's JSON: from bytes to our words, by way of a struct of `events`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.events import EVENTS, LONG, MANY, Event, Sender, Up, meaning
from parking_gateway.chirpstack.ornaments import lenient, without_nul, without_wrong_ornaments
from parking_gateway.core.events import DeviceEvent, DeviceIdentity, Reason, Rejection, Uplink
from parking_gateway.core.remembering import remembered


@remembered
def _device(device_info: bytes) -> DeviceIdentity:
    return _decode_sender(b'{"deviceInfo":' + device_info + b"}").device_info.identity()


class _Up(Up, rename="camel", gc=False):
    """An uplink whose device is read only if these bytes of it are new."""

    device_info: msgspec.Raw  # type: ignore[assignment]

    def identity(self) -> DeviceIdentity:
        return _device(bytes(self.device_info))


class _UpWithoutObject(Up, rename="camel", gc=False):
    object: dict[str, Any] | None = msgspec.field(default=None, name="")


_decode_sender: Final = msgspec.json.Decoder(type=Sender).decode
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Event]]] = {
    name: msgspec.json.Decoder(type=event) for name, event in {**EVENTS, "up": _Up}.items()
}
_UP_WITHOUT_OBJECT: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(type=_UpWithoutObject)


def read(name: str, payload: bytes, received_at: datetime, reach: timedelta) -> Uplink | DeviceEvent | Rejection:
    """What the event of this name, one of `EVENTS`, says, or why it says nothing."""
    # Whoever managed to put a NUL into a device's name shall not lose its uplinks.
    payload = without_nul(payload)
    # Brackets take 2 bytes of JSON and 90 of memory, and 20 ms of a message of 64 kB. So many come from no codec: like one
    # that is too deep, the object is dropped, and the uplink kept.
    decoder, event = _DECODERS[name], EVENTS[name]
    if len(payload) > LONG and name == "up" and payload.count(b"[") + payload.count(b"{") > MANY:
        decoder, event = _UP_WITHOUT_OBJECT, _UpWithoutObject
    try:
        return meaning(name, decoder.decode(payload), payload, received_at=received_at, reach=reach)
    except msgspec.ValidationError as error:
        return _read_again(name, event, payload, received_at=received_at, reach=reach) or _invalid(name, payload, error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _read_again(name, event, payload, received_at=received_at, reach=reach) or Rejection(
            reason=Reason.MALFORMED, detail=f"The payload begins like JSON and is not: {error}."
        )
    except RecursionError:
        # msgspec counts levels, also in what it skips, up to the interpreter's limit: no message overflows the stack.
        return Rejection(
            reason=Reason.TOO_DEEP, detail="The JSON is nested deeper than the interpreter's stack allows."
        )


def _read_again(
    name: str, event: type[Event], payload: bytes, *, received_at: datetime, reach: timedelta
) -> Uplink | DeviceEvent | None:
    """The event without what is wrong in its ornaments. None where that does not help."""
    try:
        said = without_wrong_ornaments(lenient(payload), event)
        return meaning(name, msgspec.convert(said, event), payload, received_at=received_at, reach=reach)
    except (ValueError, RecursionError):  # of what is no JSON at all, and msgspec's
        return None


def _invalid(name: str, payload: bytes, error: msgspec.ValidationError) -> Rejection:
    if b'"devEUI"' in payload and b'"deviceInfo"' not in payload:
        detail = f"The `{name}` event is ChirpStack v3's (`devEUI`, no `deviceInfo`): ChirpStack v4 is needed."
        return Rejection(reason=Reason.CHIRPSTACK_V3, detail=detail)
    return Rejection(reason=Reason.INVALID, detail=f"The `{name}` event is not valid: {error}.")
