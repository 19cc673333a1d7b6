"""The register as CSV: one header, one line for each space, with `,` `;` or tabs between the cells."""

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from parking_gateway.register.cells import degrees_text, observe_text
from parking_gateway.register.entries import (
    ATTRIBUTES,
    COLUMNS,
    DEVICE,
    REQUIRED,
    Assignment,
    Entry,
    Mistake,
    Record,
    options_text,
)

DELIMITERS: Final = ",;\t"
"""The delimiters of spreadsheets in different languages. The header decides, because no column has one in its name."""


def records(
    text: str, *, columns: Sequence[str] = COLUMNS, required: Sequence[str] = REQUIRED
) -> Iterator[Record | Mistake]:
    """One record for each line, with its number. Nothing is read after a quotation mark without an end."""
    rows = _rows(text)
    first = next(rows, None)
    if first is None:
        yield Mistake("line 1", f"the file is empty; its first line must be {','.join(columns)}")
        return
    if isinstance(first, Mistake):
        yield first
        return
    where, cells = first
    header = [cell.lower() for cell in cells]
    mistakes = list(_mistakes_of_header(where, header, columns, required))
    if mistakes:
        yield from mistakes
        return
    for row in rows:
        if isinstance(row, Mistake):
            yield row
            return
        where, cells = row
        if len(cells) > len(header):
            yield Mistake(where, f"it has {len(cells)} cells, and the header {len(header)}: {_ADVICE}")
        else:
            yield Record(where=where, cells=dict(zip(header, cells, strict=False)))


def text_of(entries: Iterable[Entry]) -> str:
    """The file with exactly these entries."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        device = _cells(entry.assignment, entry) if entry.assignment else _NO_DEVICE
        writer.writerow((*entry.place, *device, *(_cell(entry.attributes.get(name)) for name in ATTRIBUTES)))
    return file.getvalue()


def _cells(device: Assignment, entry: Entry) -> tuple[object, ...]:
    options = options_text(device.options)
    return (
        device.dev_eui,
        device.channel,
        device.codec,
        options,
        device.lost_after,
        observe_text(device.observe),
        entry.sensors,
    )


def _cell(value: object) -> object:
    match value:
        case list():
            return ";".join(value)
        case float():
            return degrees_text(value)
        case _:
            return value


_NO_DEVICE: Final = ("",) * len(DEVICE)
_ADVICE: Final = "a cell with the delimiter in it must stand in quotation marks"


def _delimiter(text: str) -> str:
    header = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(DELIMITERS, key=header.count)


def _rows(text: str) -> Iterator[tuple[str, list[str]] | Mistake]:
    """The lines that are not empty, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        where = f"line {reader.line_num + 1}"
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield Mistake(where, f"it is no CSV: {error}; nothing from here on can be read")
            return
        if any(cells):
            yield where, cells


def _mistakes_of_header(
    where: str, header: Sequence[str], columns: Sequence[str], required: Sequence[str]
) -> Iterator[Mistake]:
    for column in header:
        if column not in columns:
            near = difflib.get_close_matches(column, columns, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(columns)}"
            yield Mistake(where, f"the header has an unknown column {column!r}; {hint}")
        elif header.count(column) > 1:
            yield Mistake(where, f"the header names {column} twice")
            return
    missing = [column for column in required if column not in header]
    if missing:
        yield Mistake(where, f"the header lacks {', '.join(missing)}; it must begin like {','.join(columns)}")
