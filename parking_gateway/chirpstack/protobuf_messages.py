"""ChirpStack's protobuf messages, from the optional package that declares them, and a leaner one for its uplinks.

`chirpstack_api` is imported with the first message that needs it.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any, Final

import msgspec

from parking_gateway.chirpstack.events import Sender
from parking_gateway.chirpstack.protobuf_values import device_info_of
from parking_gateway.core.events import DeviceIdentity
from parking_gateway.core.remembering import remembered

_PACKAGE: Final = "parking_gateway.chirpstack"
"""Whose messages ours are, to protobuf."""
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
"""The fields of an uplink that are read. Protobuf passes over all others."""


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to read protobuf with."""

    events: Any
    """The module of ChirpStack's own messages."""
    uplink: Any
    """`UplinkEvent` without the fields that nobody reads, and with `device_info` as the bytes that it is on the wire."""
    device: Callable[[bytes], DeviceIdentity]
    """The device that these bytes describe."""
    error: type[Exception]
    """What reading raises."""


@cache
def messages() -> Messages | None:
    """None where the package is not installed."""
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
    # A message within a message is its bytes behind their length, as bytes are.
    fields["device_info"].type = description.FieldDescriptorProto.TYPE_BYTES
    fields["device_info"].ClearField("type_name")
    pool = uplink.file.pool
    pool.AddSerializedFile(file.SerializeToString())
    return factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{uplink.name}"))
