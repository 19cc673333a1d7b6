"""Rejected messages, each with the reason: the dead letters."""

from collections.abc import Iterable
from hashlib import md5
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from parking_gateway.core.events import KEPT_BYTES, DeadLetter, Reason
from parking_gateway.core.printable import shortened
from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.rows import bytes_of, encode, table_of
from parking_gateway.store.tables import rejection

TOPIC_LENGTH: Final = 1000
"""Characters that are kept of a topic, beginning and end. MQTT has topics of 65,535 bytes."""
DETAIL_LENGTH: Final = 2000
"""Characters that are kept of a detail, which may quote a long value."""


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
    """A name for a message's bytes, which a redelivery repeats. It protects against no attacker."""
    return UUID(bytes=md5(topic.encode() + b"\0" + payload, usedforsecurity=False).digest())


def kept_text(text: str, length: int) -> str:
    """The text as PostgreSQL takes it, without NUL and halves of surrogates, and not much longer than this."""
    return shortened(text.replace("\0", "").encode(errors="replace").decode(), length)


def _row(letter: DeadLetter) -> dict[str, object]:
    is_too_large = letter.rejection.reason is Reason.TOO_LARGE
    return {
        "received_at": letter.received_at,
        "topic": kept_text(letter.topic, TOPIC_LENGTH),
        "reason": letter.rejection.reason,
        "detail": kept_text(letter.rejection.detail, DETAIL_LENGTH),
        "payload": letter.payload[:KEPT_BYTES] if is_too_large else letter.payload,
        "dev_eui": letter.dev_eui,
        "deduplication_id": letter.deduplication_id,
        "digest": letter.digest or digest_of(letter.topic, letter.payload),
        "is_redelivered": letter.is_redelivered,
    }
