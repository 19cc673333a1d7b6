"""Tests of codecs: the examples of a checkout, and the vectors of a folder of codecs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from decoders import conformance
from parking_gateway.cli.shown import show_error, show_errors, show_json, show_line, show_remark, show_table
from parking_gateway.core.wording import counted
from parking_gateway.decoding import codecs
from parking_gateway.decoding.codecs import Bound, bind
from parking_gateway.decoding.importing.installing import VECTORS, changed_since, lacks_range
from parking_gateway.decoding.importing.patience import patient
from parking_gateway.decoding.importing.preparing import Prepared
from parking_gateway.decoding.importing.published import Checkout

_CODECS = (".toml", ".js", ".py")


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A codec of a folder after its test."""

    codec: str
    vectors: int
    mistakes: Sequence[str]
    remarks: Sequence[str] = ()


def show_examples(
    checkout: Checkout, tried: Sequence[Prepared], *, at_least: float, is_whole: bool, as_json: bool
) -> bool:
    """Print the share of good examples and every difference. Return whether the share is large enough."""
    outcomes = [(one.codec, outcome) for one in tried for outcome in one.outcomes]
    good = sum(1 for _, outcome in outcomes if not outcome.differences)
    share = 100 * good / len(outcomes) if outcomes else 0.0
    without = sum(1 for one in tried if not one.outcomes)
    if as_json:
        show_json(
            {
                "repository": checkout.repository,
                "commit": checkout.commit,
                "codecs": len(tried),
                "codecs_without_examples": without,
                "examples": len(outcomes),
                "as_published": good,
                "percent": round(share, 2),
                "differences": [
                    {"script": codec.script, "example": outcome.example.name, "differences": outcome.differences}
                    for codec, outcome in outcomes
                    if outcome.differences
                ],
                "unreadable": checkout.mistakes,
            }
        )
        return share >= at_least
    rows = [
        (codec.script, outcome.example.name, sentence)
        for codec, outcome in outcomes
        for sentence in outcome.differences
    ]
    if rows:
        show_table(("script", "example", "difference"), rows, is_whole=is_whole)
    show_errors([one.why if one.file in one.why else f"{one.file}: {one.why}" for one in checkout.mistakes])
    show_line(f"{checkout.repository}, commit {checkout.commit or 'unknown'}")
    show_line(
        f"{good:,} of {counted(len(outcomes), 'uplink example')} give the published output: {share:.2f} %."
        f" {counted(len(tried), 'codec')}, {without:,} without examples."
    )
    return share >= at_least


def is_folder(path: Path) -> bool:
    """Return whether there are codecs in a folder."""
    return path.is_dir() and any(file.suffix in _CODECS for file in path.iterdir())


def test_folder(folder: Path, *, as_json: bool) -> bool:
    """Test all codecs of a folder. Return whether none has a mistake."""
    names = sorted({file.stem for file in folder.iterdir() if file.suffix in _CODECS and file.stem[:1] not in "._"})
    tested = [_tested(folder.resolve(), name) for name in names]
    if as_json:
        show_json(tested)
    else:
        show_table(
            ("codec", "vectors", "result"),
            [(one.codec, one.vectors, "passes" if not one.mistakes else _counted(one.mistakes)) for one in tested],
        )
        for one in tested:
            for mistake in one.mistakes:
                show_error(f"{one.codec}: {mistake}")
            for remark in one.remarks:
                show_remark(f"{one.codec}: {remark}")
    return not any(one.mistakes for one in tested)


def _counted(mistakes: Sequence[str]) -> str:
    return counted(len(mistakes), "mistake")


def _tested(folder: Path, name: str) -> Tested:
    changed = changed_since(folder / f"{name}.toml")
    remarks = [changed] if changed else []
    if lacks_range(folder / f"{name}.toml"):
        remarks.append("the range of its distance is not declared, so error values may be read as distances")
    if codecs.has_appeared(name, dropins=None):
        hidden = "the gateway has a codec of that name itself, which is used instead: rename the files"
        return Tested(codec=name, vectors=0, mistakes=[hidden], remarks=remarks)
    try:
        codec = codecs.find(name, dropins=folder)
    except codecs.CodecNotFound as error:
        return Tested(codec=name, vectors=0, mistakes=[str(error)], remarks=remarks)
    file = folder / VECTORS / f"{name}.toml"
    if not file.exists():
        remark = f"it has no vectors: write {VECTORS}/{name}.toml, see docs/how-to/decoders.md"
        return Tested(codec=name, vectors=0, mistakes=[], remarks=[*remarks, remark])
    try:
        vectors = conformance.load(file)
    except (OSError, ValueError) as error:
        return Tested(
            codec=name, vectors=0, mistakes=[f"{VECTORS}/{name}.toml cannot be read: {error}"], remarks=remarks
        )
    complaints = list(_complaints(codec, vectors, folder))
    untested = [one for one in complaints if one.startswith("no vector is ")]
    return Tested(
        codec=name,
        vectors=len(vectors.vector),
        mistakes=[one for one in complaints if one not in untested],
        remarks=[*remarks, *untested],
    )


def _complaints(codec: codecs.Codec, vectors: conformance.Vectors, folder: Path) -> Iterator[str]:
    def bound(line: str | None, options: Mapping[str, str]) -> Bound:
        return patient(bind(codecs.find(line, dropins=folder) if line else codec, options))

    try:
        yield from conformance.complaints(vectors, bound, codec.commands, device=codec.device)
    except Exception as error:  # noqa: BLE001 - a codec can break in any way
        yield f"{type(error).__name__}: {error}"
