"""Uplinks that are read again to compare the readings: stored ones, and lines of a file. Nothing is written."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from decoders import Frame
from parking_gateway import chirpstack
from parking_gateway.core.device import CodecIdentity
from parking_gateway.core.events import DevEui, DeviceIdentity, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding.comparing import UNDECODABLE, Asked
from parking_gateway.decoding.decoder import Decoder, frame_of
from parking_gateway.decoding.frame_lines import BadFrame, option_text
from parking_gateway.decoding.frame_lines import frame_of as frame_of_text
from parking_gateway.decoding.inspection import JsonReading
from parking_gateway.register.replay import paging
from parking_gateway.register.replay.archived import ArchivedUplink, as_uplink
from parking_gateway.register.replay.paging import Left
from parking_gateway.register.replay.turns import all_of
from parking_gateway.store import codecs, fleet, recorded
from parking_gateway.store.database import Database
from parking_gateway.store.recorded import Placed

_NO_SPACE: Final = SpaceId(0)
_TOPIC: Final = "application/event/up"
"""Its last level names the event."""


async def stored(
    database: Database,
    decoder: Decoder,
    *,
    devices: Collection[DevEui] = (),
    since: datetime,
    until: datetime | None = None,
) -> AsyncIterator[list[Asked]]:
    """The stored uplinks of these devices, or of all, a page at a time, with what was made of them when they came."""
    async with database.connect() as connection:
        (known,) = await connection.commit_together(fleet.listed())
    of_device = {one.identity.dev_eui: one for one in known if not devices or one.identity.dev_eui in devices}
    left = Left(dict.fromkeys(of_device, since))
    while places := left.page():
        async with database.connect() as connection:
            (sent,) = await connection.together(
                fleet.stored_uplinks(
                    [of_device[one].identity for one in places], after=places, until=until, limit=paging.UPLINKS
                )
            )
            uplinks = list(all_of(sent))
            placed = [_placed(one, of_device[one.device.dev_eui].installation) for one in uplinks]
            read_by, rejected, occupancies = await connection.commit_together(
                codecs.read_by(uplinks), recorded.rejections(placed), recorded.occupancies(placed)
            )
        left.move_on(places, sent)
        yield [
            _asked(
                one,
                of_device[one.device.dev_eui].installation,
                decoder,
                read_by.get(one.deduplication_id),
                _before(one, read_by, rejected, occupancies),
            )
            for one in uplinks
            if one.f_port
        ]


def _placed(uplink: Uplink, installation: Installation | None) -> Placed:
    # A frame of several sensors has an occupancy for each. The space of one of them does not stand for all.
    has_one = installation is not None and not installation.channel
    space = installation.space if installation is not None and has_one else _NO_SPACE
    return Placed(uplink.deduplication_id, uplink.device.dev_eui, space, uplink.heard_at)


def _before(
    uplink: Uplink,
    read_by: Mapping[Any, CodecIdentity],
    rejected: Mapping[Any, str],
    occupancies: Mapping[Any, str],
) -> JsonReading | None:
    one = uplink.deduplication_id
    if one in rejected:
        return {UNDECODABLE: rejected[one]}
    if one in occupancies:
        return {"occupancy": occupancies[one]}
    return {} if one in read_by else None


def _asked(
    uplink: Uplink,
    installation: Installation | None,
    decoder: Decoder,
    read_by: CodecIdentity | None,
    before: JsonReading | None,
) -> Asked:
    nowhere = Installation(dev_eui=uplink.device.dev_eui, space=_NO_SPACE)
    choice = decoder.choice(uplink.device, installation or nowhere)
    return Asked(
        frame=frame_of(uplink),
        codec=choice.codec if choice else None,
        options=choice.options if choice else {},
        deduplication_id=str(uplink.deduplication_id),
        dev_eui=uplink.device.dev_eui,
        read_by=str(read_by) if read_by else None,
        before=before,
        is_partly_known=True,
    )


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An uplink as a line of JSON. A comparison writes such lines, and reads them later with another version."""

    codec: str | None = None
    options: dict[str, str | int | float | bool] = {}
    port: int = msgspec.field(name="fPort")
    hex: str
    object: dict[str, Any] | None = None
    time: datetime | None = None
    dev_eui: str | None = None
    deduplication_id: str | None = None
    read_by: str | None = None
    """The codec of the reading, with its version."""
    reading: JsonReading | None = None
    undecodable: str | None = None


class BadLine(ValueError):  # noqa: N818 - the input is wrong, and nothing has failed
    """A line is no uplink. The message contains its number and the cause."""


def lines(found: Iterator[bytes], decoder: Decoder, *, limits: chirpstack.Limits, now: datetime) -> Iterator[Asked]:
    """The uplinks of lines of JSON: lines of a comparison or of `decode -`, rows of an archive, and events of ChirpStack.

    Frames without a payload are left out. Raises `BadLine`.
    """
    for number, line in enumerate(found, start=1):
        if not line.strip():
            continue
        try:
            asked = _of_line(line, decoder, limits=limits, now=now)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as mistake:
            raise BadLine(f"line {number} is no uplink: {mistake}") from None
        if asked is not None:
            yield asked


def _of_line(line: bytes, decoder: Decoder, *, limits: chirpstack.Limits, now: datetime) -> Asked | None:
    document = _decode(line)
    if "deviceInfo" in document:
        event = chirpstack.parse(_TOPIC, line, received_at=now, limits=limits)
        if not isinstance(event, Uplink):
            raise BadFrame(event.detail if isinstance(event, Rejection) else "it is another event")
        return _asked(event, None, decoder, None, None) if event.f_port else None
    if "f_port" in document:
        return _of_row(document, decoder)
    given = msgspec.convert(document, Line)
    frame = frame_of_text(port=given.port, text=given.hex, received_at=(given.time or now).astimezone(UTC))
    before = {UNDECODABLE: given.undecodable} if given.undecodable is not None else given.reading
    return Asked(
        frame=msgspec.structs.replace(frame, object=given.object),
        codec=given.codec,
        options={name: option_text(value) for name, value in given.options.items()},
        deduplication_id=given.deduplication_id,
        dev_eui=given.dev_eui,
        read_by=given.read_by,
        before=before,
    )


def _of_row(row: dict[str, Any], decoder: Decoder) -> Asked | None:
    one = msgspec.convert(row, ArchivedUplink)
    uplink = as_uplink(one, DeviceIdentity(dev_eui=one.dev_eui))
    if not uplink.f_port:
        return None
    asked = _asked(uplink, None, decoder, None, None)
    name, _, _ = (one.codec or "").partition("@")
    return msgspec.structs.replace(asked, codec=name or None, read_by=one.codec)


_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def line_of(asked: Asked, reading: JsonReading, now: CodecIdentity | None) -> dict[str, Any]:
    """The line of an uplink with its reading. `lines` reads it, and then compares another reading with this one."""
    frame: Frame = asked.frame
    undecodable = reading.get(UNDECODABLE)
    line = Line(
        codec=asked.codec,
        options=dict(asked.options),
        port=frame.port,
        hex=frame.payload.hex(),
        object=dict(frame.object) if frame.object is not None else None,
        time=frame.received_at.astimezone(UTC),
        dev_eui=asked.dev_eui,
        deduplication_id=asked.deduplication_id,
        read_by=str(now) if now else None,
        reading=None if undecodable is not None else reading,
        undecodable=undecodable,
    )
    document: dict[str, Any] = msgspec.to_builtins(line)
    return document
