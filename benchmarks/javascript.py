"""`make bench-javascript`: what a frame costs in a vendor's script, beside the same device's Python codec.

The gateway waits for a script, so that its time is the clock's and not the processor's. Frames that follow one another at
once wait for the next context to be prepared; those that come after a pause find it ready.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from decoders import Frame, conformance
from parking_gateway.decoding import codecs
from parking_gateway.decoding.declared import javascript
from parking_gateway.decoding.guests.process import GuestStopped

VENDORS: Final = Path(__file__).parent / "vendors"
FRAME: Final = Frame(
    port=85,
    payload=bytes.fromhex("01755c 03824408 040000"),
    received_at=conformance.NOON,
    object={"battery": 92.0, "distance": 2116.0, "position": "normal"},
)
PAUSE_SECONDS: Final = 0.005


def microseconds(decode: Callable[[Frame], object], *, times: int, pause: float = 0) -> list[float]:
    """The duration of each frame, with a pause before each."""
    took = []
    for _ in range(times):
        time.sleep(pause)
        began = time.perf_counter()
        decode(FRAME)
        took.append((time.perf_counter() - began) * 1e6)
    return took


def stopped(folder: Path) -> tuple[float, float]:
    """Seconds that the gateway waits for a frame that never ends, and for the next one, which is in a new process."""
    file = folder / "endless.js"
    script = javascript.Script(file, ("x",))
    began = time.perf_counter()
    with suppress(GuestStopped):
        script.ask(FRAME)
    ended = time.perf_counter()
    script.ask(msgspec.structs.replace(FRAME, port=1))
    return ended - began, time.perf_counter() - ended


def main() -> None:
    """Print the table."""
    python, script, ready_made = (
        codecs.bind(codecs.find(name, dropins=VENDORS))
        for name in ("milesight_em310_udl", "em310_udl_script", "em310_udl_object")
    )
    if not python(FRAME) == script(FRAME) == ready_made(FRAME):
        raise SystemExit("the three codecs decode the frame differently, so that they cannot be compared")
    rows = {
        "the Python codec": microseconds(python, times=20_000),
        "the script, frames one after the other": microseconds(script, times=5_000),
        f"the script, frames {PAUSE_SECONDS * 1000:.0f} ms apart": microseconds(
            script, times=1_000, pause=PAUSE_SECONDS
        ),
        "ChirpStack's object": microseconds(ready_made, times=20_000),
    }
    print("| a frame of an EM310-UDL by | median µs | 99 % below µs |\n| --- | ---: | ---: |")  # noqa: T201 - the result
    for name, took in rows.items():
        median, most = statistics.median(took), statistics.quantiles(took, n=100)[-1]
        print(f"| {name} | {median:,.1f} | {most:,.1f} |")  # noqa: T201 - as above
    waits = [stopped(VENDORS) for _ in range(20)]
    frame, following = (statistics.median(seconds) * 1000 for seconds in zip(*waits, strict=True))
    print(f"\nStopped after {frame:.0f} ms; the frame after it took {following:.0f} ms.")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
