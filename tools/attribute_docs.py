"""The sentences below the fields of a struct. msgspec leaves them out of its schemas."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import msgspec


def sentences(struct: type[msgspec.Struct]) -> Mapping[str, str]:
    """By the name that a field has in JSON. Those of a base class are included."""
    found: dict[str, str] = {}
    for one in reversed(struct.__mro__):
        if issubclass(one, msgspec.Struct) and one is not msgspec.Struct:
            found |= _of_class(one)
    encoded = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
    return {encoded[name]: text for name, text in found.items() if name in encoded}


def _of_class(struct: type[Any]) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - for mypy
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found
