"""Codecs that are declared in TOML instead of written in Python. The TOML maps decoded values to the fields of a reading.

With a script `vendor.js` beside the TOML, the values are those that its `decodeUplink` returns. Without a script, they are
those of the `object` from ChirpStack's own codec. See docs/how-to/javascript.md.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from decoders import Frame, Reading, Undecodable
from parking_gateway.decoding.declared.declaration import Scalar, Unusable, read
from parking_gateway.decoding.declared.javascript import Script
from parking_gateway.decoding.declared.mapping import fields, reading, scalar_at

__all__ = ["Decode", "Unusable", "load"]

Decode = Callable[[Frame], Reading]
"""A declared codec as a function of the frame. Raises `Undecodable`."""


def load(file: Path) -> SimpleNamespace:
    """Return `DEVICE` and `decode`, as the module of a codec has them, from the TOML at this path. Raises `Unusable`."""
    script = file.with_suffix(".js")
    if not file.is_file():
        raise Unusable(f"{script.name} needs {file.name} beside it, which declares its frames and fields")
    declaration = read(file)
    declared = fields(declaration.reading)
    paths = tuple(field.path for field in declared)
    values_of = Script(script, paths).ask if script.is_file() else _in_the_object(paths)
    sizes = declaration.sizes()

    def decode(frame: Frame) -> Reading:
        _require_declared(frame, sizes)
        return reading(declared, values_of(frame))

    return SimpleNamespace(DEVICE=declaration.device(), decode=decode)


def _in_the_object(paths: tuple[str, ...]) -> Callable[[Frame], Mapping[str, Scalar | None]]:
    def values_of(frame: Frame) -> Mapping[str, Scalar | None]:
        if frame.object is None:
            raise Undecodable("ChirpStack sent no object: the device profile has no codec, or the codec failed")
        return {path: scalar_at(frame.object, path) for path in paths}

    return values_of


def _require_declared(frame: Frame, sizes: Mapping[int, frozenset[int]]) -> None:
    allowed = sizes.get(frame.port)
    if allowed is None:
        raise Undecodable(f"port {frame.port} is not declared, only {', '.join(map(str, sorted(sizes)))}")
    if len(frame.payload) not in allowed:
        raise Undecodable(f"the size {len(frame.payload)} on port {frame.port} is not declared")
