"""Runs the examples of published codecs in the sandbox, in one process that stays for all scripts."""

import json
from typing import Any

import msgspec

from parking_gateway.decoding.declared.bench import Bench
from parking_gateway.decoding.importing.comparison import differences
from parking_gateway.decoding.importing.published import NORMALIZE, Example, Published


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An example after its run."""

    example: Example
    differences: list[str]
    """A sentence for each; nothing: the output is the published one."""
    output: Any = None


def outcomes(codec: Published, bench: Bench) -> list[Outcome]:
    """Run the examples of a codec. Raises `Unusable` if there is no sandbox."""
    bench.load(codec.text)
    return [_outcome(example, bench) for example in codec.examples]


def _outcome(example: Example, bench: Bench) -> Outcome:
    reply = bench.call(example.function, example.input, dated=example.is_dated, context=example.context)
    if reply.output is None:
        return Outcome(example=example, differences=[reply.why])
    try:
        return _compared(example, json.loads(reply.output))
    except (ValueError, RecursionError):
        return Outcome(example=example, differences=["the output is too deep"])


def _compared(example: Example, output: Any) -> Outcome:
    if example.function == NORMALIZE and isinstance(output, dict) and isinstance(output.get("data"), dict):
        output["data"] = [output["data"]]
    return Outcome(example=example, differences=differences(example.output, output), output=output)
