"""Messages that became nothing, with why: the dead letters."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import md5
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from parking_gateway.store.pipeline import Query, Statement, command
from parking_gateway.store.rows import bytes_of, encode, table_of
from parking_gateway.store.tables import rejection
from parking_gateway.uplink import DevEui, Rejection

KEPT_BYTES: Final = 1 << 20
"""Of a rejected payload, at most so much is kept; the detail says how long it was."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected message with all that is known of it."""

    rejection: Rejection
    topic: str
    payload: bytes
    received_at: datetime
    is_redelivered: bool
    """Whether the broker marked it as sent before: only then may it be on record already."""
    dev_eui: DevEui | None = None
    deduplication_id: UUID | None = None


_KEPT: Final = [column for column in rejection.c if column is not rejection.c.id]
_BATCH: Final = table_of(*_KEPT, sa.Column("is_redelivered", sa.Boolean))
_RECORD: Final = Statement(
    rejection.insert().from_select(
        _KEPT,
        sa.select(
            *(
                bytes_of(_BATCH.c.payload) if column is rejection.c.payload else _BATCH.c[column.name]
                for column in _KEPT
            )
        ).where(
            sa.not_(
                sa.and_(
                    _BATCH.c.is_redelivered,
                    sa.exists().where(rejection.c.digest == _BATCH.c.digest),
                )
            )
        ),
    )
)


def record(letters: Iterable[DeadLetter]) -> Query[None]:
    """Keep the rejected messages. One that is delivered again, unacknowledged, is kept once."""
    return command(_RECORD, encode(_BATCH, map(_row, letters)))


def digest_of(topic: str, payload: bytes) -> UUID:
    """A name for a message's bytes, which a redelivery repeats. No protection against anybody."""
    return UUID(bytes=md5(topic.encode() + b"\0" + payload, usedforsecurity=False).digest())


def _row(letter: DeadLetter) -> dict[str, object]:
    return {
        "received_at": letter.received_at,
        "topic": letter.topic,
        "reason": letter.rejection.reason,
        "detail": letter.rejection.detail.replace("\0", ""),
        "payload": letter.payload[:KEPT_BYTES],
        "dev_eui": letter.dev_eui,
        "deduplication_id": letter.deduplication_id,
        "digest": digest_of(letter.topic, letter.payload),
        "is_redelivered": letter.is_redelivered,
    }
