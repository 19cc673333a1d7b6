"""Bounds of what a publisher of events can make the gateway store: rows of new devices, and bytes of rejections.

A message beyond them is neither dropped nor delayed. An uplink of a device without a row is recorded and rejected; a rejection is
recorded without its payload. Without new devices and rejections nothing is counted.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import msgspec

from parking_gateway.core.allowance import Allowance
from parking_gateway.core.events import DeadLetter, DevEui, Reason, Rejection
from parking_gateway.core.printable import shortened
from parking_gateway.intake.read import Batch
from parking_gateway.process.config.limits import LimitsConfig
from parking_gateway.store.rejections import DETAIL_LENGTH, TOPIC_LENGTH, digest_of

TOO_MANY_DEVICES: Final = Rejection(
    reason=Reason.TOO_MANY_DEVICES,
    detail="Its device is new, and more new devices came within an hour than limits.new_devices_per_hour.",
)
_LEFT_OUT: Final = " Its payload is not stored: limits.rejected_bytes_per_hour."
_TOPIC: Final = 200
"""Characters of a topic beside a payload that is not stored."""
_DETAIL: Final = 200


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one gateway."""

    new_devices: Allowance
    rejected_bytes: Allowance

    def reconfigure(self, limits: LimitsConfig) -> None:
        """Allow other amounts from now on."""
        self.new_devices.change(limits.new_devices_per_hour)
        self.rejected_bytes.change(limits.rejected_bytes_per_hour)

    @contextmanager
    def share(self, now: datetime) -> Iterator["Share"]:
        """The share of one transaction, which begins now. If it fails, it has used nothing.

        Batches are recorded side by side, so each takes its share before it is committed.
        """
        share = Share(self, now)
        try:
            yield share
        except BaseException:
            share.give_back()
            raise


class Share:
    """What one transaction may store."""

    def __init__(self, bounds: Bounds, now: datetime) -> None:
        self._bounds = bounds
        self._now = now
        self._devices = self._bytes = 0

    def beyond(self, strangers: Sequence[DevEui]) -> Collection[DevEui]:
        """Those of these devices without a row that get none."""
        left = self._bounds.new_devices.left(self._now)
        self._devices = min(left, len(strangers))
        self._bounds.new_devices.use(self._devices, self._now)
        return set(strangers[left:])

    def stored(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """The rejections as they are stored: from the first on that does not fit, without their payloads."""
        left = self._bounds.rejected_bytes.left(self._now)
        found = []
        for letter in letters:
            left -= _size(letter)
            found.append(letter if left >= 0 or not letter.payload else _cut(letter))
        self._bytes = sum(map(_size, found))
        self._bounds.rejected_bytes.use(self._bytes, self._now)
        return found

    def give_back(self) -> None:
        """Nothing was stored."""
        self._bounds.new_devices.give_back(self._devices)
        self._bounds.rejected_bytes.give_back(self._bytes)
        self._devices = self._bytes = 0


def without_payload(letter: DeadLetter) -> DeadLetter:
    """The rejection of a message whose content is stored elsewhere."""
    return msgspec.structs.replace(letter, payload=b"", digest=letter.digest or digest_of(letter.topic, letter.payload))


def without_events_of(batch: Batch, strangers: Collection[DevEui]) -> Batch:
    """The batch with the events of these devices as rejections."""
    refused = [
        DeadLetter(
            rejection=TOO_MANY_DEVICES,
            topic=message.topic,
            payload=message.payload,
            received_at=message.event.received_at,
            is_redelivered=True,  # it may be; then it is stored once
            dev_eui=message.event.device.dev_eui,
        )
        for message in batch.events
        if message.event.device.dev_eui in strangers
    ]
    events = [message for message in batch.events if message.event.device.dev_eui not in strangers]
    return msgspec.structs.replace(batch, events=events, dead_letters=[*batch.dead_letters, *refused])


def _cut(letter: DeadLetter) -> DeadLetter:
    rejection = msgspec.structs.replace(
        letter.rejection, detail=shortened(letter.rejection.detail, _DETAIL) + _LEFT_OUT
    )
    cut = msgspec.structs.replace(letter, rejection=rejection, is_cut=True)
    return msgspec.structs.replace(without_payload(cut), topic=shortened(letter.topic, _TOPIC))


def _size(letter: DeadLetter) -> int:
    """About the bytes of its row."""
    topic, detail = min(len(letter.topic), TOPIC_LENGTH), min(len(letter.rejection.detail), DETAIL_LENGTH)
    return len(letter.payload) + topic + detail
