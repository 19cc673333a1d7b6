"""The frame of the sensors of Milesight that count or see people: items of a channel, a type and a value.

    channel  type         value
    20       CE           a stored reading: seconds since 1970, uint32; a byte that says what follows; the value
    FF       01 … FF      about the device: versions, serial number, start, power supply
    FE, FF   03 … FD      a setting that a downlink has read or changed
    F8, F9   10 … DD      the same for newer settings; with F8 one byte more, the result

Numbers are little-endian. Settings are not part of a reading. Their lengths are needed to find the next item. No item has
error values; a battery of more than 100 % is none.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from decoders import Frame, Occupancy, Reading, Undecodable
from decoders._clock import unix_time
from decoders._items import Fields, Item
from decoders._milesight import ABOUT, SIZES

STORED: Final = b"\x20\xce"
_KEY, _TIME = 2, 4

SETTINGS: Final[Mapping[int, int]] = {
    **SIZES,
    **dict.fromkeys([0x04, 0x2F, 0x40, 0x42, 0x43, 0x44, 0x64, 0x6D, 0xA6, 0xA8, 0xA9, 0xAA], 1),
}
"""Lengths of settings by their type. They are the same in all models that have the setting."""


def settings(own: Mapping[int, int], newer: Mapping[int, int]) -> dict[bytes, Item]:
    """Return the items about the device and of its settings. `own` and `newer` are lengths by type that only this model has."""
    return {
        b"\xff\x1f": Item(4),
        **{bytes([0xFE + last, kind]): Item(size) for last in (0, 1) for kind, size in {**SETTINGS, **own}.items()},
        **{bytes([0xF8, kind]): Item(size + 1) for kind, size in newer.items()},
        **{bytes([0xF9, kind]): Item(size) for kind, size in newer.items()},
        **ABOUT,
    }


Sizes = Mapping[bytes, Callable[[bytes], int]]
"""Lengths of values that differ between versions of the firmware: functions of the payload behind the key."""
_NO_SIZES: Final[Sizes] = {}


def read(
    frame: Frame,
    items: Mapping[bytes, Item],
    stored: Mapping[int, Item] | None = None,
    *,
    port: int,
    sizes: Sizes = _NO_SIZES,
) -> dict[str, Any]:
    """Return the fields of all items. A later item overwrites an earlier one, except for fields of other channels.

    Stored readings are collected in `past`; `stored` has their values by the byte before them. Raises `Undecodable`.
    """
    if frame.port != port:
        raise Undecodable(f"port {frame.port} is unknown: the option port is {port}")
    payload = frame.payload
    if not payload:
        raise Undecodable("the payload is empty")
    fields: dict[str, Any] = {}
    start, end = 0, len(payload)
    while start < end:
        key = payload[start : start + _KEY]
        at = start + _KEY
        item = _stored_item(payload, at, stored) if key == STORED and stored is not None else items.get(key)
        if item is None:
            raise Undecodable(f"byte {start}: no item begins with {key.hex(' ')}")
        size = sizes[key](payload[at:]) if key in sizes else item.size
        start = at + size
        if start > end:
            raise Undecodable(f"byte {at}: item {key.hex(' ')} is cut short: length {size}, left {end - at}")
        _add(fields, item.decode(payload[at:start]))
    return fields


def reading(fields: Mapping[str, Any]) -> Reading:
    """Return a reading of these fields; those of the channels become readings of their own."""
    if "channels" not in fields:
        return Reading(**fields)
    return Reading(**{**fields, "channels": {number: Reading(**own) for number, own in fields["channels"].items()}})


def presence(people: int) -> Fields:
    """Return the occupancy of a room or region: occupied with people in it."""
    return {"occupancy": Occupancy.OCCUPIED if people else Occupancy.VACANT}


def totals(value: bytes) -> Fields:
    """Read the totals in and out since the counter began, uint16 each. The bytes of an alarm behind them are ignored."""
    return {"counter_in": int.from_bytes(value[:2], "little"), "counter_out": int.from_bytes(value[2:4], "little")}


def moment(value: bytes) -> Fields:
    """Read the time of the measurement, seconds since 1970, uint32; none if the clock was never set."""
    at = unix_time(int.from_bytes(value, "little"))
    return {"at": at} if at else {}


def _stored_item(payload: bytes, at: int, stored: Mapping[int, Item]) -> Item:
    """Return the item of a stored reading. Its length depends on the byte behind its time."""
    kind = payload[at + _TIME] if len(payload) > at + _TIME else None
    if kind is None:
        return Item(_TIME + 1)
    if kind not in stored:
        raise Undecodable(f"byte {at + _TIME}: no stored reading has the kind {kind:02x}")
    size, decode = stored[kind]
    return Item(_TIME + 1 + size, lambda value: _past(value, decode(value[_TIME + 1 :])))


def _past(value: bytes, found: Fields) -> Fields:
    at = unix_time(int.from_bytes(value[:_TIME], "little"))
    return {"past": (reading({"at": at, **found}),)} if at and found else {}


def _add(fields: dict[str, Any], found: Fields) -> None:
    for name, value in found.items():
        if name == "past":
            fields["past"] = fields.get("past", ()) + value
        elif name == "channels":
            channels = fields.setdefault("channels", {})
            for number, own in value.items():
                channels[number] = {**channels.get(number, {}), **own}
        else:
            fields[name] = value
