"""Installs tried codecs one after the other, and shows what became of each."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from parking_gateway.cli.shown import show_error, show_line, show_table
from parking_gateway.core.wording import counted
from parking_gateway.decoding import codecs
from parking_gateway.decoding.declared.declaration import FieldSource
from parking_gateway.decoding.importing.edits import with_fields, with_sizes
from parking_gateway.decoding.importing.installing import install, texts
from parking_gateway.decoding.importing.preparing import Prepared, name_of
from parking_gateway.decoding.importing.published import Checkout, NotUsable, Published

Sources = Mapping[str, FieldSource]
Sizes = Mapping[int, frozenset[int]]
Confirm = Callable[[Prepared, Sources, Sizes], tuple[Sources, Sizes]]
"""Shows a mapping to a person, who confirms or changes it. Raises `NotUsable` if it is not wanted."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose for the whole import."""

    folder: Path
    maps: Sequence[str]
    ports: Sequence[str]
    name: str
    may_replace: bool
    confirm: Confirm | None
    """None: nobody is asked, and only what the examples prove is installed."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a codec."""

    device: str
    script: str
    codec: str = ""
    files: Sequence[str] = ()
    vectors: int = 0
    is_range_assumed: bool = False
    refused: str | None = None


def installed(prepared: Prepared, checkout: Checkout, choice: Choice) -> Result:
    """Install a codec, or return why not."""
    codec = prepared.codec
    try:
        _require_proof(prepared, choice)
        # Where nobody is asked, a doubtful field is left out: a wrong word in it would refuse the whole frame.
        guesses = {field: one for field, one in prepared.guesses.items() if one.is_proven or choice.confirm is not None}
        sources: Sources = {field: guess.source for field, guess in guesses.items()}
        sources = with_fields(sources, choice.maps)
        sizes: Sizes = with_sizes(prepared.sizes, choice.ports)
        if choice.confirm is not None:
            sources, sizes = choice.confirm(prepared, sources, sizes)
        ready = texts(prepared, checkout, name=_name(codec, checkout, choice), sources=sources, sizes=sizes)
        files = install(ready, choice.folder, may_replace=choice.may_replace)
    except NotUsable as refusal:
        return Result(device=codec.name, script=codec.script, refused=str(refusal))
    return Result(
        device=codec.name,
        script=codec.script,
        codec=ready.name,
        files=list(map(str, files)),
        vectors=ready.count,
        is_range_assumed=_is_range_assumed(prepared, sources),
    )


def _is_range_assumed(prepared: Prepared, sources: Sources) -> bool:
    guess = prepared.guesses.get("distance_mm")
    return guess is not None and sources.get("distance_mm") == guess.source


def _name(codec: Published, checkout: Checkout, choice: Choice) -> str:
    if choice.name:
        name = choice.name.strip().lower().replace("-", "_")
        if not re.fullmatch(r"[a-z][a-z0-9_]{,99}", name):
            raise NotUsable(
                f"{choice.name!r} is no name of a codec: it has letters, digits and _, and begins with a letter"
            )
    else:
        name = name_of(codec, checkout)
    if not codecs.has_appeared(name, dropins=None):
        return name
    if choice.name:
        raise NotUsable(f"the gateway has a codec {name} itself: choose another name with --name")
    return f"{name}_{checkout.short}"


def _require_proof(prepared: Prepared, choice: Choice) -> None:
    if not prepared.outcomes:
        raise NotUsable("it has no examples in the checkout, so nothing proves its script")
    if not prepared.decoded:
        raise NotUsable(f"no example gives the published output; the first: {prepared.differing[0].differences[0]}")
    if choice.confirm is None and prepared.differing:
        raise NotUsable(
            f"{len(prepared.outcomes) - len(prepared.differing)} of {counted(len(prepared.outcomes), 'example')} give the"
            " published output"
        )
    if choice.confirm is None and not prepared.is_proven and not choice.maps:
        raise NotUsable(_unproven(prepared))


def _unproven(prepared: Prepared) -> str:
    occupancy, distance = prepared.guesses.get("occupancy"), prepared.guesses.get("distance_mm")
    if occupancy is not None:
        return f"{occupancy.source.path} is no proven occupancy: {occupancy.why}"
    if distance is not None:
        return f"{distance.source.path} is no proven distance: {distance.why}"
    return "nothing in its examples looks like an occupancy, a distance or the counters of an entry"


def show(results: Sequence[Result], folder: Path, *, is_unasked: bool) -> None:
    """Print what became of each codec."""
    done = [result for result in results if result.refused is None]
    for result in results:
        if result.refused is not None and len(results) == 1:
            show_error(f"{result.device} is not installed: {result.refused}.")
    if len(results) > 1:
        show_table(
            ("device", "codec", "vectors", "not installed, because"),
            [(one.device, one.codec or None, one.vectors or None, one.refused) for one in results],
        )
    elif done:
        show_line(f"Installed {done[0].codec}, with {counted(done[0].vectors, 'vector')} from the examples:")
        for file in done[0].files:
            show_line(f"  {file}")
    if len(results) > 1:
        show_line(f"{counted(len(done), 'codec')} of {len(results):,} installed into {folder}.")
    if assumed := [f"{result.codec}.toml" for result in done if result.is_range_assumed]:
        show_line(
            f"The range of a distance is an assumption: write that of the manual, and error values, into {', '.join(assumed)}."
        )
    if len(done) < len(results) and is_unasked:
        show_line("Without --yes you are asked about a mapping that is not proven; --map and --port declare it.")
    if done:
        show_line(f"Test: parking-gateway codecs test {folder}")
        show_line("Restart a running gateway that has used a codec of that name; a new name is found within a minute.")
