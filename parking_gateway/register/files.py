"""Files of the register: bytes in, a sheet out. The file name decides: `.toml` is TOML, everything else CSV."""

import codecs
from collections.abc import Sequence
from pathlib import PurePath

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import csv_files, toml_files
from parking_gateway.register.counters import CounterEntry
from parking_gateway.register.entries import Entry, Mistake, Sheet, sheet_of
from parking_gateway.register.settings import Setting


def read(name: str, data: bytes, *, decoder: Decoder) -> Sheet:
    """Read the file. Wrong content becomes mistakes and never raises."""
    text = decoded(data)
    if isinstance(text, Mistake):
        return Sheet(mistakes=(text,))
    return sheet_of(toml_files.records(text) if _is_toml(name) else csv_files.records(text), decoder)


def decoded(data: bytes) -> str | Mistake:
    """The text of a file that a person has saved."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Mistake("line 1", f"the file is UTF-16; {_ADVICE}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Mistake(f"line {line}", f"the file is not UTF-8; {_ADVICE}")


def text_of(
    name: str, entries: Sequence[Entry], settings: Sequence[Setting], counters: Sequence[CounterEntry] = ()
) -> str:
    """The content of a file of this name with these entries. CSV has no settings and no counters."""
    return toml_files.text_of(entries, settings, counters) if _is_toml(name) else csv_files.text_of(entries)


def _is_toml(name: str) -> bool:
    return PurePath(name).suffix.lower() == ".toml"


_ADVICE = "save it as UTF-8 (in Excel: CSV UTF-8)"
