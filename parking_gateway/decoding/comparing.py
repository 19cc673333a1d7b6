"""Reads uplinks again with another codec, or with another version of their codec, and shows where the readings differ. Pure.

A reading is JSON here, as in `frame_lines`, because an earlier one comes from a file that another version has written.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from decoders import Frame
from parking_gateway.core.device import CodecIdentity
from parking_gateway.decoding import codecs
from parking_gateway.decoding.inspection import JsonReading, decoded

UNDECODABLE: Final = "undecodable"
_NONE: Final[Mapping[str, str]] = {}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An uplink that is read again."""

    frame: Frame
    codec: str | None
    """The codec of its device. None: nobody chose one."""
    options: Mapping[str, str] = _NONE
    deduplication_id: str | None = None
    dev_eui: str | None = None
    read_by: str | None = None
    """The codec that read it, with its version. None: it is not known."""
    before: JsonReading | None = None
    """What was read before, if that is known."""
    is_partly_known: bool = False
    """Of what was read before, only the fields in `before` are known, and that the frame could be read or not."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The two readings of an uplink."""

    asked: Asked
    now: CodecIdentity | None
    """The codec of the second reading. None: it cannot be used."""
    before: JsonReading | None
    reading: JsonReading
    differs: Mapping[str, tuple[Any, Any]]
    """The fields that differ, with both values; `undecodable` if only one of the two could read the frame."""


class Comparison:
    """Compares readings. Without `other`, an uplink is read by the present version of its own codec.

    With `other`, what its own codec reads now counts as read before, unless the uplink brings an earlier reading.
    """

    def __init__(
        self, folder: Path | None, *, other: codecs.Codec | None = None, options: Mapping[str, str] = _NONE
    ) -> None:
        """`options` are more options of `other`, or of the codecs of the uplinks."""
        self._folder = folder
        self._other = other
        self._options = options
        self._usable: dict[tuple[str, frozenset[tuple[str, str]], bool], _Usable | str] = {}

    def compare(self, asked: Asked) -> Compared | None:
        """Compare the readings of an uplink. None: nobody chose a codec that could read it."""
        own = None if asked.codec is None else self._reading(asked, is_other=False)
        if self._other is None:
            if own is None:
                return None
            return _compared(asked, asked.before, own, is_partly_known=asked.is_partly_known)
        is_known = asked.before is not None and not asked.is_partly_known
        before = asked.before if is_known else own and own.reading
        return _compared(asked, before, self._reading(asked, is_other=True))

    def _reading(self, asked: Asked, *, is_other: bool) -> "_Read":
        key = (asked.codec or "", frozenset(asked.options.items()), is_other)
        if key not in self._usable:
            self._usable[key] = self._use(asked, is_other=is_other)
        usable = self._usable[key]
        if isinstance(usable, str):
            return _Read(None, {UNDECODABLE: usable})
        return _Read(usable.codec, decoded(usable.decode, asked.frame))

    def _use(self, asked: Asked, *, is_other: bool) -> "_Usable | str":
        try:
            if is_other and self._other is not None:
                known = {option.name for option in self._other.options}
                kept = {name: value for name, value in asked.options.items() if name in known}
                options = {**kept, **self._options}
                return _Usable(self._other.identity, codecs.bind(self._other, options))
            codec = codecs.find(asked.codec or "", dropins=self._folder)
            more = _NONE if self._other is not None else self._options
            return _Usable(codec.identity, codecs.bind(codec, {**asked.options, **more}))
        except (codecs.CodecNotFound, codecs.BadOption) as mistake:
            return str(mistake)


class _Usable(NamedTuple):
    codec: CodecIdentity
    decode: codecs.Bound


class _Read(NamedTuple):
    codec: CodecIdentity | None
    reading: JsonReading


def _compared(asked: Asked, before: JsonReading | None, now: _Read, *, is_partly_known: bool = False) -> Compared:
    differs = {} if before is None else differences(before, now.reading, is_partly_known=is_partly_known)
    return Compared(asked=asked, now=now.codec, before=before, reading=now.reading, differs=differs)


def differences(
    before: JsonReading, after: JsonReading, *, is_partly_known: bool = False
) -> Mapping[str, tuple[Any, Any]]:
    """Return the fields that differ. Two refusals are the same, however they are worded."""
    if UNDECODABLE in before or UNDECODABLE in after:
        if UNDECODABLE in before and UNDECODABLE in after:
            return {}
        return {UNDECODABLE: (before.get(UNDECODABLE), after.get(UNDECODABLE))}
    if is_partly_known:
        known = {name: value for name, value in before.items() if after.get(name) is not None}
        return {name: (value, after[name]) for name, value in known.items() if value != after[name]}
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


class Kind(NamedTuple):
    """Uplinks whose readings differ in the same way."""

    codec: str
    field: str
    before: str
    after: str


class Differences:
    """What was compared, for a table: numbers of uplinks, and one example of each kind of difference."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.uplinks = 0
        self.compared = 0
        """Uplinks with two readings."""
        self.differing = 0
        self.without_codec = 0
        self.undecodable = 0
        """Uplinks that cannot be read now."""
        self.kinds: Counter[Kind] = Counter()
        self.examples: dict[Kind, Compared] = {}
        self.versions: Counter[tuple[str, str]] = Counter()
        """Uplinks by the codec that had read them, and the one that reads them now."""

    def add(self, one: Compared | None) -> None:
        """Count an uplink. None: it has no codec."""
        self.uplinks += 1
        if one is None:
            self.without_codec += 1
            return
        now = str(one.now) if one.now is not None else one.asked.codec or ""
        self.versions[one.asked.read_by or "", now] += 1
        self.compared += one.before is not None
        self.differing += bool(one.differs)
        self.undecodable += UNDECODABLE in one.reading
        for field, (before, after) in one.differs.items():
            # Numbers differ in each uplink, so they are one kind, and the table has an example.
            kind = Kind(now, field, _word(before), _word(after))
            self.kinds[kind] += 1
            self.examples.setdefault(kind, one)


def _word(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return "a number"
        case _:
            return "several values"
