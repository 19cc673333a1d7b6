"""The picture of the whole car park for the board, read page by page, so that a large one does not hold up uplinks."""

import asyncio
import zlib
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from parking_gateway.contract.rendering import counts_message, device_message
from parking_gateway.core.due import DueKind
from parking_gateway.store import changes, gateways, plans, tree
from parking_gateway.web.cursor import cursor_at
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.messages import notice_of, other_gateways, own_gateway, space_of, step_of, zone_of

_NEWEST: Final = 50
"""Transitions, and notices."""
_MOST_DEVICES: Final = 1000
"""With a problem. A person cannot look after more of them."""
_REST_SHARE: Final = 3
"""The rest after a picture is so many times as long as its making took, so that pictures take a quarter of a core at most."""
_LEVEL: Final = 5
_GZIP: Final = 31
"""How zlib names that format."""
_encode: Final = msgspec.json.Encoder().encode


class MadePicture(msgspec.Struct, frozen=True):
    """A picture as JSON, compressed."""

    compressed: bytes
    etag: str


class Pictures:
    """The newest picture. All who ask while one is made share the next one."""

    def __init__(self, desk: WebDesk) -> None:
        self._desk = desk
        self._making = asyncio.Lock()
        self._made: tuple[float, MadePicture] | None = None
        self._rest_until = 0.0

    async def newest(self) -> MadePicture:
        """A picture that is not older than this call. Raises DatabaseUnusable."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        async with self._making:
            if self._made is None or self._made[0] < asked:
                await asyncio.sleep(max(0.0, self._rest_until - clock()))
                began = clock()
                self._made = (began, await picture_of(self._desk))
                self._rest_until = clock() + _REST_SHARE * (clock() - began)
            return self._made[1]


async def picture_of(desk: WebDesk) -> MadePicture:
    """Read the car park, and make its picture."""
    # The cursor is read first. So a change during the reading is in the picture, behind the cursor, or both.
    now, plan_of, position_of, known = await desk.read(
        changes.moment(), plans.plans(), plans.positions(), gateways.known()
    )
    paper = _Paper()
    await paper.write(b'{"sites":')
    await _write_all(paper, desk, DueKind.SITE, counts_message)
    await paper.write(b',"zones":')
    await _write_all(paper, desk, DueKind.ZONE, lambda row: zone_of(row, plan_of.get((row.site, row.zone))))
    await paper.write(b',"spaces":')
    await _write_all(paper, desk, DueKind.SPACE, lambda row: space_of(row, position_of.get(row.key)))
    devices, steps, notices = await desk.read(
        changes.with_problems(limit=_MOST_DEVICES),
        changes.newest_steps(limit=_NEWEST),
        changes.newest_notices(limit=_NEWEST),
    )
    await paper.write(b',"devices":' + _encode([device_message(row) for row in devices]))
    await paper.write(b',"transitions":' + _encode([step_of(row) for row in steps]))
    await paper.write(b',"notices":' + _encode([notice_of(row) for row in notices]))
    # The ETag is that of the car park, because the health of gateways always changes.
    etag = paper.etag
    instance = desk.config.gateway.instance
    all_gateways = [own_gateway(instance, desk.report.shown_health()), *other_gateways(known, instance)]
    await paper.write(b',"gateways":' + _encode(all_gateways) + b',"cursor":' + _encode(str(cursor_at(now))) + b"}")
    return MadePicture(paper.finished(), etag)


class _Paper:
    """What is written is compressed at once, in a thread, so that a large picture takes little memory."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=12)
        self._press = zlib.compressobj(_LEVEL, wbits=_GZIP)
        self._pressed: list[bytes] = []

    async def write(self, text: bytes) -> None:
        """Append it."""
        await asyncio.to_thread(self._write, text)

    @property
    def etag(self) -> str:
        """Of all that is written."""
        return f'"{self._digest.hexdigest()}"'

    def finished(self) -> bytes:
        """The whole of it, in the format of gzip."""
        return b"".join((*self._pressed, self._press.flush()))

    def _write(self, text: bytes) -> None:
        self._digest.update(text)
        self._pressed.append(self._press.compress(text))


async def _write_all(paper: _Paper, desk: WebDesk, kind: DueKind, message: Callable[[Any], Any]) -> None:
    """All rows of a kind as a JSON array."""
    after, mark = None, b"["
    while True:
        (page,) = await desk.read(tree.page(kind, after=after))
        if text := _encode([message(row) for row in page])[1:-1]:
            await paper.write(mark + text)
            mark = b","
        if len(page) < tree.PAGE:
            break
        after = page[-1].key
    await paper.write(b"[]" if mark == b"[" else b"]")
