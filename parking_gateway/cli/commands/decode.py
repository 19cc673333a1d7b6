"""The command that decodes a frame and explains its bits."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parking_gateway.cli.commands.choices import Since, Until, dev_eui_of, moment, option_of
from parking_gateway.cli.commands.compared_uplinks import Range, compare_uplinks
from parking_gateway.cli.commands.configuration import AsJson, CodecOptions, ConfigFile, configured
from parking_gateway.cli.commands.decoded_event import of_event
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_json, show_line, show_table
from parking_gateway.core.printable import printable_json

if TYPE_CHECKING:
    from decoders import Frame
    from parking_gateway.decoding.codecs import Codec
    from parking_gateway.decoding.inspection import Effect

CodecArgument = Annotated[
    str,
    typer.Argument(metavar="CODEC", help="A name of `decoders list`; - reads lines of JSON.", show_default=False),
]
PayloadArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="HEX", help="The payload, two digits a byte.", show_default=False),
]
IsBase64 = Annotated[bool, typer.Option("--base64", help="The payload is base64, as `data` of an event.")]
EventFile = Annotated[
    Path | None,
    typer.Option(
        "--event", metavar="FILE", help="An event of ChirpStack; - reads it from standard input.", show_default=False
    ),
]
PortOption = Annotated[int | None, typer.Option("--port", metavar="N", help="The FPort, 1 to 255.", show_default=False)]

AllUplinks = Annotated[
    str,
    typer.Option(
        "--all",
        metavar="UPLINKS",
        help="Compare readings: `stored`, or a file of JSON lines; - is standard input.",
        show_default=False,
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device", metavar="DEV_EUI", help="Only uplinks of this device; repeatable; for --all.", show_default=False
    ),
]

_OF_FEW_VALUES = ("occupancy", "tamper", "fault")
"""Fields with few values, whose other value is shown too."""


def decode(  # noqa: PLR0913 - what a frame consists of, and where it comes from
    codec: CodecArgument = "",
    payload: PayloadArgument = None,
    *,
    port: PortOption = None,
    base64: IsBase64 = False,
    event: EventFile = None,
    option: CodecOptions = None,
    all_uplinks: AllUplinks = "",
    device: Devices = None,
    since: Since = "",
    until: Until = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Decode a frame and explain its bits. Or compare what two codecs, or two versions of one, read in many uplinks.

    It flips each bit and decodes again, so the explanation is that of the codec itself. Exit status 1: the codec or an
    option does not exist, or the frame does not follow the format of the device. A sentence on standard error explains it.

    With --event it decodes an uplink as ChirpStack publishes and shows it, a JSON object. Without a codec, it is that of the device's
    tag or profile.

    `decode -` reads lines of JSON, {"codec": …, "fPort": …, "hex": …, "options": {…}, "object": {…}}; the last two are
    optional. It answers each line at once, with the reading or with {"undecodable": why}.

    With --all it shows where readings differ: a table by field, and exit status 1. UPLINKS is `stored`, the uplinks of the
    database, or a file of JSON lines: those of --json, rows of an archive, or events of ChirpStack. With a codec, a name or a file,
    it compares what that codec reads with what the codecs of the devices read. Without one, it compares what their present versions
    read with the readings in the file, or with what the database has: the occupancy of the space, and whether the frame could be read.

    For example:

        parking-gateway decode bosch_tps110 --port 1 01

        parking-gateway decode new/acme_bay.py --all stored --since 7d
    """
    if all_uplinks:
        if payload or port is not None or event:
            fail("--all reads the uplinks: leave port, payload and event out of the command.")
        compare_uplinks(
            all_uplinks,
            codec,
            dict(map(option_of, option or ())),
            Range([dev_eui_of(one) for one in device or ()], moment(since), moment(until)),
            configured(config),
            as_json=as_json,
        )
        return
    if device or since or until:
        fail("--device, --since and --until are for --all.")
    if codec == "-":
        if payload or port is not None or option or event:
            fail("`decode -` reads port, payload and options from its lines: leave them out of the command.")
        _answer_lines(configured(config).decoders.folder)
        return
    options = dict(map(option_of, option or ()))
    if event is not None:
        if payload or port is not None:
            fail("An event has a port and a payload: leave them out of the command.")
        effective = configured(config)
        found = of_event(event, codec, options, effective)
        _show(found.codec, found.options, found.frame, folder=effective.decoders.folder, as_json=as_json)
        return
    if not codec or port is None or not payload:
        fail("A frame has a codec, a port and a payload: parking-gateway decode CODEC --port N HEX")
    frame = _frame(port, " ".join(payload), is_base64=base64)
    _show(codec, options, frame, folder=configured(config).decoders.folder, as_json=as_json)


def _answer_lines(folder: Path | None) -> None:
    from parking_gateway.decoding.frame_lines import decoded_line  # noqa: PLC0415 - heavy

    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        out.write(printable_json(decoded_line(line, received_at=datetime.now(UTC), folder=folder)))
        # A caller may send one line at a time and wait for its answer.
        out.flush()


def _frame(port: int, text: str, *, is_base64: bool) -> "Frame":
    from parking_gateway.decoding.frame_lines import BadFrame, frame_of  # noqa: PLC0415 - as above

    try:
        return frame_of(port=port, text=text, received_at=datetime.now(UTC), is_base64=is_base64)
    except BadFrame as mistake:
        fail(str(mistake))


def _show(name: str, options: dict[str, str], frame: "Frame", *, folder: Path | None, as_json: bool) -> None:
    from parking_gateway.decoding import codecs, inspection  # noqa: PLC0415 - as above

    try:
        codec = codecs.find(name, dropins=folder)
        bound = codecs.bind_assuming(codec, options)
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        fail(str(mistake))
    words = inspection.decoded(bound, frame)
    if "undecodable" in words:
        if as_json:
            show_json(words)
        fail(f"{codec.name} cannot read it: {words['undecodable']}")
    effects = list(inspection.effects(bound, frame))
    if as_json:
        show_json({**words, "bits": effects})
        return
    show_line(f"{codec.name}: {codec.device.vendor} {codec.device.model}")
    show_line("")
    fields = list(_fields(words))
    width = max(len(field) for field, _ in fields)
    for field, word in fields:
        show_line(f"{field:<{width}}  {word}")
    show_line("")
    show_table(("byte", "hex", "bits", "meaning"), list(_bytes(frame.payload, effects)))
    for remark in _remarks(codec, options):
        show_line("")
        show_line(remark)


def _fields(words: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in words.items():
        if name == "past":
            for past in value:
                yield "past", _described(past)
        elif name == "channels":
            for number, one in value.items():
                yield f"channel {number}", _described(one)
        else:
            yield name, _word(value)


def _described(reading: dict[str, Any]) -> str:
    """A reading in one line, with those of its channels."""
    words = (f"channel {number}: {_described(one)}" for number, one in reading.get("channels", {}).items())
    fields = (f"{field} {_word(word)}" for field, word in reading.items() if field != "channels")
    return ", ".join((*fields, *words))


def _bytes(payload: bytes, effects: Iterable["Effect"]) -> Iterator[tuple[object, ...]]:
    of_byte: dict[int, list[Effect]] = {}
    for effect in effects:
        of_byte.setdefault(effect.byte, []).append(effect)
    for at, byte in enumerate(payload):
        yield at, f"{byte:02x}", f"{byte:08b}", "; ".join(_meanings(of_byte.get(at, ())))


def _meanings(effects: Iterable["Effect"]) -> Iterator[str]:
    """The meanings of the bits of one byte. Neighbours with the same meaning are one entry."""
    for (is_bit, meaning), group in groupby(effects, key=lambda effect: (effect.bit is not None, _meaning(effect))):
        bits = [effect.bit for effect in group]
        if not is_bit:
            yield f"as a whole: {meaning}"
        elif len(bits) == 1:
            yield f"bit {bits[0]}: {meaning}"
        else:
            yield f"bits {bits[0]}-{bits[-1]}: {meaning}"


def _meaning(effect: "Effect") -> str:
    if "undecodable" in effect.becomes:
        return "else refused"
    return ", ".join(
        f"{name} (else {_word(word)})" if name in _OF_FEW_VALUES else name for name, word in effect.becomes.items()
    )


def _remarks(codec: "Codec", options: dict[str, str]) -> Iterator[str]:
    """What else decides the occupancy: options that an installation has to choose."""
    for name, value in codec.assumed.items():
        if name not in options:
            yield f"Decoded with {name}={value}, an assumption of `decode` only: an installation has to choose it."
    if codec.device.measures_distance and "occupied_below_mm" not in options:
        yield "It measures a distance: without the option occupied_below_mm there is no occupancy."


def _word(value: object) -> str:
    match value:
        case None:
            return "not reported"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
