"""Codecs that are declared instead of written: a TOML says where our facts lie in what others have decoded.

Beside a script, `vendor.js`, they are in what its `decodeUplink` returns; without one, in the `object` that ChirpStack's own
codec has made of the frame. See docs/javascript.md.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from decoders import Frame, Reading, Undecodable
from parking_gateway.decoding.declared.declaration import Unusable, Word, read
from parking_gateway.decoding.declared.javascript import Script
from parking_gateway.decoding.declared.mapping import fields, reading, word_at

__all__ = ["Unusable", "load"]


def load(file: Path) -> SimpleNamespace:
    """Return what a codec's module has, `DEVICE` and `decode`, as the TOML of this path declares. Raises `Unusable`."""
    script = file.with_suffix(".js")
    if not file.is_file():
        raise Unusable(f"{script.name} needs {file.name} beside it, which says what may be asked and what is taken")
    declaration = read(file)
    declared = fields(declaration.reading)
    paths = tuple(field.path for field in declared)
    says = Script(script, paths).ask if script.is_file() else _in_the_object(paths)
    sizes = declaration.sizes()

    def decode(frame: Frame) -> Reading:
        _require_declared(frame, sizes)
        return reading(declared, says(frame))

    return SimpleNamespace(DEVICE=declaration.device(), decode=decode)


def _in_the_object(paths: tuple[str, ...]) -> Callable[[Frame], Mapping[str, Word | None]]:
    def says(frame: Frame) -> Mapping[str, Word | None]:
        if frame.object is None:
            raise Undecodable("ChirpStack sent no object with it: its device profile has no codec, or the codec failed")
        return {path: word_at(frame.object, path) for path in paths}

    return says


def _require_declared(frame: Frame, sizes: Mapping[int, frozenset[int]]) -> None:
    allowed = sizes.get(frame.port)
    if allowed is None:
        raise Undecodable(f"port {frame.port} is not declared, only {', '.join(map(str, sorted(sizes)))}")
    if len(frame.payload) not in allowed:
        raise Undecodable(f"{len(frame.payload)} bytes on port {frame.port} are not declared")
