"""`make bench-codecs`: what a frame costs in every codec, from its vectors, as a table of Markdown.

Each frame that a vector reads is decoded again and again; the least of several rounds is its time, because what others do on
the machine only adds. A codec's numbers are the median of its frames, and its slowest frame. Refusing costs less.
"""

import statistics
import time
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from decoders import Frame, conformance
from decoders.conformance import Decode
from parking_gateway.decoding import codecs
from parking_gateway.decoding.codecs import Codec

VECTORS: Final = Path(__file__).parents[1] / "tests" / "decoders"
ROUNDS: Final = 30
TIMES: Final = 300


class Cost(NamedTuple):
    """What a codec's frames cost."""

    name: str
    frames: int
    median: float
    """Seconds."""
    slowest: float
    """Seconds."""


def cost(codec: Codec) -> Cost:
    """Measure a codec on its vectors."""
    times = [seconds(decode, frame) for decode, frame in _frames(codec)]
    return Cost(codec.name, len(times), statistics.median(times), max(times))


def seconds(decode: Decode, frame: Frame) -> float:
    """What one frame takes of the processor."""
    timer = timeit.Timer("decode(frame)", timer=time.process_time, globals={"decode": decode, "frame": frame})
    return min(timer.repeat(ROUNDS, TIMES)) / TIMES


def _frames(codec: Codec) -> Iterator[tuple[Decode, Frame]]:
    vectors = conformance.load(VECTORS / f"{codec.name}.toml")
    for vector in (vector for vector in vectors.vector if not vector.undecodable):
        yield codecs.bind(codecs.find(vector.line or codec.name), vectors.options_of(vector)), vector.frame()


def main() -> None:
    """Print the table."""
    print("| codec | frames | median µs | slowest µs |\n| --- | ---: | ---: | ---: |")  # noqa: T201 - the result
    for codec in codecs.modules():
        measured = cost(codec)
        median, slowest = measured.median * 1e6, measured.slowest * 1e6
        print(f"| `{codec.name}` | {measured.frames} | {median:.2f} | {slowest:.2f} |", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
