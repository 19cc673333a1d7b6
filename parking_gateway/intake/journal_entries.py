"""Messages as rows of the journal, and back."""

from datetime import datetime
from uuid import UUID

import msgspec

from parking_gateway.broker.message import Message, Whole
from parking_gateway.contract.publication import NO_PROPERTIES, MessageProperties
from parking_gateway.store.journal_file import JournalEntry


def entry_of(message: Message, received_at: datetime, *, was_tried: bool) -> JournalEntry:
    """The message as a row. If the database `was_tried`, it counts as delivered again."""
    properties = message.properties
    return JournalEntry(
        received_at=message.received_at or received_at,
        # As bytes, because SQLite's text has no halves of surrogates.
        topic=message.topic.encode(errors="surrogatepass"),
        payload=message.payload,
        qos=message.qos,
        is_redelivered=message.is_redelivered or was_tried,
        length=message.whole.length if message.whole else None,
        digest=message.whole.digest.bytes if message.whole else None,
        properties=None if properties == NO_PROPERTIES else msgspec.msgpack.encode(properties),
    )


def message_of(entry: JournalEntry) -> Message:
    """The message of a row."""
    whole = None
    if entry.length is not None and entry.digest is not None:
        whole = Whole(entry.length, UUID(bytes=entry.digest))
    properties = msgspec.msgpack.decode(entry.properties, type=MessageProperties) if entry.properties else NO_PROPERTIES
    return Message(
        topic=entry.topic.decode(errors="surrogatepass"),
        payload=entry.payload,
        mid=0,
        qos=entry.qos,
        is_redelivered=entry.is_redelivered,
        whole=whole,
        properties=properties,
        received_at=entry.received_at,
    )
