"""Shows a guessed mapping to a person, who confirms it or changes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from parking_gateway.cli.shown import show_error, show_line, show_table
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.decoding.declared.declaration import FieldSource
    from parking_gateway.decoding.importing.preparing import Prepared

_SHOWN = 5
"""Differences."""
_PATHS = 40


def confirmed(
    prepared: "Prepared", sources: "Mapping[str, FieldSource]", sizes: Mapping[int, frozenset[int]]
) -> "tuple[Mapping[str, FieldSource], Mapping[int, frozenset[int]]]":
    """Show the mapping and ask for changes, until it is confirmed. Raises `NotUsable` if it is not wanted."""
    from parking_gateway.decoding.importing.edits import with_fields, with_sizes  # noqa: PLC0415 - heavy
    from parking_gateway.decoding.importing.published import NotUsable  # noqa: PLC0415 - heavy

    _show_codec(prepared)
    while True:
        _show_mapping(prepared, sources, sizes)
        answer = typer.prompt(
            "Install? yes, no, FIELD = { path = … }, FIELD = none, or PORT = SIZES", default="no", err=True
        ).strip()
        match answer.lower():
            case "yes" | "y":
                return sources, sizes
            case "no" | "n":
                raise NotUsable("it was not wanted")
        try:
            if answer[:1].isdigit():
                sizes = with_sizes(sizes, [answer])
            else:
                sources = with_fields(sources, [answer])
        except NotUsable as mistake:
            show_error(f"{mistake}.")


def _show_codec(prepared: "Prepared") -> None:
    codec = prepared.codec
    good = len(prepared.outcomes) - len(prepared.differing)
    show_line(f"{codec.vendor_name}, {', '.join(codec.models.values())}: {codec.script}")
    show_line(f"{good} of {counted(len(prepared.outcomes), 'example')} give the published output.")
    for outcome in prepared.differing[:_SHOWN]:
        show_line(f"  {outcome.example.name}: {outcome.differences[0]}")


def _show_mapping(
    prepared: "Prepared", sources: "Mapping[str, FieldSource]", sizes: Mapping[int, frozenset[int]]
) -> None:
    from parking_gateway.decoding.importing.writing import inline  # noqa: PLC0415 - heavy

    rows = []
    for field, source in sources.items():
        guess = prepared.guesses.get(field)
        is_guess = guess is not None and guess.source == source
        rows.append(
            (
                field,
                inline(source),
                guess.why if is_guess and guess else "your change",
                None if guess and not guess.is_proven and is_guess else "yes",
            )
        )
    show_table(("field", "source", "why", "sure"), rows)
    if not {"occupancy", "distance_mm", "counter_in", "counter"} & sources.keys():
        show_line(f"No field gives an occupancy. The outputs have: {', '.join(_paths(prepared))}")
    for port, found in sorted(sizes.items()):
        show_line(f"Port {port}, sizes in bytes: {', '.join(map(str, sorted(found)))} (other frames are rejected)")
    if not sizes:
        show_line("No example has a port and bytes: give the sizes of each port, such as 85 = 4,6-12")


def _paths(prepared: "Prepared") -> list[str]:
    from parking_gateway.decoding.importing.outputs import seen  # noqa: PLC0415 - heavy

    paths = seen([(one.example.name, one.example.data) for one in prepared.decoded])
    return [f"{path.path} ({path.distinct[0]})" for path in paths][:_PATHS]
