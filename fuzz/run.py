"""`python -m fuzz.run TARGET [options of libFuzzer] [folders or files]`: one target under atheris, which ends the process."""

import sys
from random import Random

import atheris

with atheris.instrument_imports(
    include=["decoders", "parking_gateway.chirpstack", "parking_gateway.decoding.declared"]
):
    from fuzz.targets import TARGETS

    name = sys.argv.pop(1)
    target = TARGETS[name]
    for _ in target.seeds():  # imports every codec here, where it is instrumented
        pass


def try_out(data: bytes) -> None:
    """Try one input, and print it if it fails."""
    try:
        target.try_out(data)
    except BaseException:
        print(f"\n{name} failed for: {target.described(data)}", file=sys.stderr)  # noqa: T201 - libFuzzer writes there too
        raise


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Change the input: every other time in the target's own way, otherwise as libFuzzer does."""
    bent = target.bent(data, Random(seed)) if seed % 2 else None  # noqa: S311 - random, but no secret
    return atheris.Mutate(data, longest) if bent is None or len(bent) > longest else bent


atheris.Setup(sys.argv, try_out, custom_mutator=mutate)
atheris.Fuzz()
