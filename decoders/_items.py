"""Payloads that are a list of items, each a key of fixed width and a value whose length the key decides.

A device is then a table from keys to items. An unknown item cannot be skipped, because its length is not known: the frame
is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from decoders import Reading, Undecodable

Fields = Mapping[str, Any]
"""Fields of a reading."""


def nothing(_value: bytes) -> Fields:
    """Say nothing: for settings, versions and measurements that a parking space does not need."""
    return {}


class Item(NamedTuple):
    """A value's length in bytes, and what it says; which raises `Undecodable` where no value can be so."""

    size: int
    says: Callable[[bytes], Fields] = nothing


def read(payload: bytes, table: Mapping[bytes, Item], *, width: int) -> Reading:
    """Return what the items say together, the later of two that disagree. Readings of the past are collected.

    `width` is the length of a key in bytes. Raises `Undecodable` for an empty payload, an unknown key and a cut value.
    """
    if not payload:
        raise Undecodable("the payload is empty")
    fields: dict[str, Any] = {}
    past: tuple[Reading, ...] = ()
    start, end = 0, len(payload)
    while start < end:
        value_at = start + width
        key = payload[start:value_at]
        if key not in table:
            raise Undecodable(f"byte {start}: no item begins with {key.hex(' ')}")
        size, says = table[key]
        start = value_at + size
        if start > end:
            raise Undecodable(f"byte {value_at}: item {key.hex(' ')} has {size} bytes, {end - value_at} are left")
        if says is nothing:
            continue
        try:
            said = says(payload[value_at:start])
        except Undecodable as refusal:
            raise Undecodable(f"byte {value_at}: {refusal}") from None
        fields.update(said)
        if "past" in said:
            past += said["past"]
            fields["past"] = past
    return Reading(**fields)
