"""ChirpStack's protobuf messages, from the optional package that declares them, and a leaner message for uplinks.

The first message that needs `chirpstack_api` imports it.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.protobuf_values import device_info_of
from parking_gateway.chirpstack.up import Sender
from parking_gateway.core.events import DeviceIdentity
from parking_gateway.core.remembering import remembered

_PACKAGE: Final = "parking_gateway.chirpstack"
"""The protobuf package of our own message."""
_READ: Final[Mapping[str, Collection[str]]] = {
    "UplinkEvent": {
        "deduplication_id",
        "time",
        "device_info",
        "dr",
        "dev_addr",
        "f_cnt",
        "f_port",
        "confirmed",
        "data",
        "object",
        "rx_info",
    },
    "UplinkRxInfo": {"gateway_id", "rssi", "snr", "ns_time"},
}
"""The fields of an uplink that are read. Protobuf skips all others."""


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """The classes and functions that read protobuf."""

    events: Any
    """The module of ChirpStack's own messages."""
    uplink: Any
    """`UplinkEvent` with the fields that are read only, and with `device_info` as bytes."""
    device: Callable[[bytes], DeviceIdentity]
    """From the bytes of `device_info` to the device."""
    error: type[Exception]
    """The exception for bytes that are no such message."""


@cache
def messages() -> Messages | None:
    """Return them, or None if the package is not installed."""
    try:
        events = import_module("chirpstack_api.integration")
    except ImportError:
        return None
    return Messages(
        events=events,
        uplink=_lean_uplink(events.UplinkEvent.DESCRIPTOR),
        device=remembered(partial(_device, events.DeviceInfo)),
        error=import_module("google.protobuf.message").DecodeError,
    )


def _device(message: Any, device_info: bytes) -> DeviceIdentity:
    sender = {"deviceInfo": device_info_of(message.FromString(device_info))}
    return msgspec.convert(sender, Sender).device_info.identity()


def _lean_uplink(uplink: Any) -> Any:
    description, factory = (import_module(f"google.protobuf.{name}") for name in ("descriptor_pb2", "message_factory"))
    file = description.FileDescriptorProto(
        name=f"{_PACKAGE}.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto", "google/protobuf/struct.proto"],
    )
    for message in (uplink, uplink.fields_by_name["rx_info"].message_type):
        whole = description.DescriptorProto()
        message.CopyToProto(whole)
        read = [field for field in whole.field if field.name in _READ[whole.name]]
        file.message_type.add(name=whole.name, field=read)
    fields = {field.name: field for field in file.message_type[0].field}
    fields["rx_info"].type_name = f".{_PACKAGE}.UplinkRxInfo"
    # On the wire, a nested message and bytes look the same: a length, then the bytes.
    fields["device_info"].type = description.FieldDescriptorProto.TYPE_BYTES
    fields["device_info"].ClearField("type_name")
    pool = uplink.file.pool
    pool.AddSerializedFile(file.SerializeToString())
    return factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{uplink.name}"))
