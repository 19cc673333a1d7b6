"""The uplinks as ChirpStack publishes them, written from a template: 2 µs instead of 20 for each."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from benchmarks.events import UplinkFields, topic_of, write
from parking_gateway.contract.publication import Publication
from tests.year.city import BEGIN, DAY

_RUN: Final = 0x5EED0000_0000_4000_8000_000000000000
_SPACE: Final = 0x7ABCDEF
_COUNTER: Final = 987654321
_TIME: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
_SECONDS: Final = [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}.000000000+00:00".encode() for s in range(DAY)]
_STATUS: Final = (b"AA==", b"AQ==")
"""Vacant and occupied, as base64."""


def _template() -> bytes:
    fields = UplinkFields(
        deduplication_id=str(UUID(int=_RUN)), time=_TIME, space=_SPACE, f_cnt=_COUNTER, data=b"\x00", gateways=1
    )
    event = write(fields, "json").replace(b"%", b"%%")
    parts = (
        (str(UUID(int=_RUN)).encode(), f"{UUID(int=_RUN)}"[:24].encode() + b"%012x"),
        (f"{_TIME:%Y-%m-%dT%H:%M:%S.%f}000+00:00".encode(), b"%b"),
        (f"{_SPACE:08x}".encode(), b"%08x"),
        (str(_SPACE).encode(), b"%d"),
        (str(_COUNTER).encode(), b"%d"),
        (b'"AA=="', b'"%b"'),
    )
    for written, place in parts:
        assert written in event
        event = event.replace(written, place)
    return event


_EVENT: Final = _template()


def uplink(number: int, device: int, f_cnt: int, *, is_occupied: bool, claimed: int, heard: int) -> Publication:
    """The uplink with this number. A LoRaWAN gateway claims that it came at `claimed`; the network server heard it at `heard`."""
    time, server = _text(claimed), _text(heard)
    payload = _EVENT % (number, time, device, device, f_cnt, _STATUS[is_occupied], time, server)
    return Publication(topic=topic_of(device), payload=payload, retain=False)


def _text(time: int) -> bytes:
    day, second = divmod(time, DAY)
    return _date(day) + _SECONDS[second]


@lru_cache(maxsize=16)
def _date(day: int) -> bytes:
    return f"{BEGIN + timedelta(days=day):%Y-%m-%d}".encode()
