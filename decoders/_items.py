"""Payloads that are a list of items. An item is a key of fixed width and a value whose length depends on the key.

The codec of such a device is a table from keys to items. The length of an unknown item is not known, so a frame with one
is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from decoders import Reading, Undecodable
from decoders.measuring import faults

Fields = Mapping[str, Any]
"""Fields of a reading."""


def no_fields(_value: bytes) -> Fields:
    """Return no fields: for settings, versions and measurements that a parking space does not need."""
    return {}


class Item(NamedTuple):
    """The length of a value in bytes, and the function from the value to fields of the reading.

    The function raises `Undecodable` for an impossible value.
    """

    size: int
    decode: Callable[[bytes], Fields] = no_fields


def read(payload: bytes, table: Mapping[bytes, Item], *, width: int) -> Reading:
    """Return the fields of all items.

    A later item overwrites an earlier one, and a later distance also the fault of an earlier distance. Readings of the past and other
    faults are collected, and a tampered device stays one.
    `width` is the length of a key in bytes. Raises `Undecodable` for an empty payload, an unknown key and a cut value.
    """
    if not payload:
        raise Undecodable("the payload is empty")
    fields: dict[str, Any] = {}
    past: tuple[Reading, ...] = ()
    of_distance = others = None
    start, end = 0, len(payload)
    while start < end:
        value_at = start + width
        key = payload[start:value_at]
        if key not in table:
            raise Undecodable(f"byte {start}: no item begins with {key.hex(' ')}")
        size, decode = table[key]
        start = value_at + size
        if start > end:
            raise Undecodable(
                f"byte {value_at}: item {key.hex(' ')} is cut short: length {size}, left {end - value_at}"
            )
        if decode is no_fields:
            continue
        try:
            found = decode(payload[value_at:start])
        except Undecodable as refusal:
            raise Undecodable(f"byte {value_at}: {refusal}") from None
        if "past" in found:
            past += found["past"]
        if "distance_mm" in found:
            of_distance = found.get("fault")
        elif "fault" in found:
            others = faults(others, found["fault"])
        if "tamper" in fields and "tamper" in found:
            found = {**found, "tamper": fields["tamper"] or found["tamper"]}
        fields.update(found)
    if past:
        fields["past"] = past
    if "fault" in fields:
        fields["fault"] = faults(others, of_distance)
    return Reading(**fields)
