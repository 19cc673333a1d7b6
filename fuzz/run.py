"""`python -m fuzz.run TARGET [options of libFuzzer] [folders or files]`: one target under atheris, which ends the process."""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["decoders", "parking_gateway.chirpstack"]):
    from fuzz.targets import TARGETS

    name = sys.argv.pop(1)
    target = TARGETS[name]
    for _ in target.seeds():  # so that every codec is imported here
        pass


def try_out(data: bytes) -> None:
    """Try it, and say what it was when it fails."""
    try:
        target.try_out(data)
    except BaseException:
        print(f"\n{name} failed for: {target.told(data)}", file=sys.stderr)  # noqa: T201 - libFuzzer writes there too
        raise


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Bend it in the target's own way every other time, and as libFuzzer does otherwise."""
    bent = target.bent(data, Random(seed)) if seed % 2 else None  # noqa: S311 - chance, and no secret
    return atheris.Mutate(data, longest) if bent is None or len(bent) > longest else bent


atheris.Setup(sys.argv, try_out, custom_mutator=mutate)
atheris.Fuzz()
