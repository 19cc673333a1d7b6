"""The command that finds faults and names their remedies."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import decoder, name_database, transact
from parking_gateway.cli.shown import has_colours, show_json, show_line, show_table
from parking_gateway.core.printable import printable
from parking_gateway.core.wording import counted
from parking_gateway.process import signals

if TYPE_CHECKING:
    from parking_gateway.cli.doctor.devices import Finding
    from parking_gateway.cli.doctor.surroundings import Check
    from parking_gateway.cli.doctor.truth import Compared, Score
    from parking_gateway.decoding.decoder import Decoder
    from parking_gateway.process.config import Config
    from parking_gateway.store.database import Connection

OfDevices = Annotated[bool, typer.Option("--devices", help="Check the devices instead.")]
ListenFor = Annotated[
    float, typer.Option("--listen", min=0, metavar="SECONDS", help="Wait so long for an event of ChirpStack.")
]
TriesQueue = Annotated[
    bool, typer.Option("--queue", help="Also send 2,000 messages to ourselves, to see how many the broker keeps.")
]

_MARGIN = " " * len("unknown  ")
_COLOURS = {"wrong": "red", "warning": "magenta", "unknown": "yellow", "fine": "green"}


def doctor(
    *,
    config: ConfigFile = None,
    devices: OfDevices = False,
    listen: ListenFor = 3,
    queue: TriesQueue = False,
    as_json: AsJson = False,
) -> None:
    """Find faults, and show what to do.

    It checks the configuration, the running gateway, the broker, the journal, the database, the spaces and the devices. Each
    check is "fine", "wrong" with a remedy, "warning" with a remedy that can wait, or "unknown": it was not possible. With --devices it shows each device that is
    unassigned, silent, unreadable, lossy, low on battery, held back by a wrong clock or without a needed option, and the
    command that helps; and it compares what the sensors reported with what people have seen, where `truth` has it.

    It sends messages to itself below the topics of the gateway, and leaves none there. It does not disturb a running gateway.
    Exit status 0: nothing is wrong.

    For example:

        parking-gateway doctor --devices
    """
    effective = configured(config)
    reader = decoder(effective)
    if devices:
        findings, compared = _examined(effective, reader)
        _show_findings(findings, compared, as_json=as_json)
    else:
        name_database(effective)
        checking = _checked(effective, reader, timedelta(seconds=listen), tries_queue=queue)
        _show_checks(signals.run(checking), as_json=as_json)


def _examined(config: "Config", reader: "Decoder") -> "tuple[list[Finding], Compared]":
    from parking_gateway.cli.doctor.examination import examine_devices  # noqa: PLC0415 - heavy
    from parking_gateway.cli.doctor.truth import compare_with_truth  # noqa: PLC0415 - as above

    async def work(connection: "Connection") -> "tuple[list[Finding], Compared]":
        findings = await examine_devices(connection, reader, config)
        return findings, await compare_with_truth(connection, reader, config)

    return transact(config, work)


async def _checked(config: "Config", reader: "Decoder", listen: timedelta, *, tries_queue: bool) -> "list[Check]":
    from parking_gateway.cli.doctor.examination import examine_all  # noqa: PLC0415 - heavy

    return await examine_all(config, reader, listen=listen, tries_queue=tries_queue)


def _show_checks(checks: "Sequence[Check]", *, as_json: bool) -> None:
    if as_json:
        show_json([msgspec.to_builtins(check) | {"verdict": check.verdict} for check in checks])
    else:
        for check in checks:
            _show_check(check)
        verdicts = Counter[str](check.verdict for check in checks)
        show_line(", ".join(f"{verdicts[word]} {word}" for word in _COLOURS if verdicts[word] or word != "warning"))
    if any(check.verdict == "wrong" for check in checks):
        raise typer.Exit(1)


def _show_check(check: "Check") -> None:
    """In a terminal, with colours and within its width; elsewhere in one line, for `grep`."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else sys.maxsize
    text = printable(f"{check.about}: {check.detail}")
    first, *others = textwrap.wrap(text, width - len(_MARGIN), break_long_words=False, break_on_hyphens=False)
    verdict = f"{check.verdict:<{len(_MARGIN)}}"
    typer.echo((typer.style(verdict, fg=_COLOURS[check.verdict], bold=True) if has_colours() else verdict) + first)
    for line in others:
        typer.echo(_MARGIN + line)
    if check.fix:
        # In one line, so that it can be copied.
        show_line(_MARGIN + check.fix)


def _show_findings(findings: "Sequence[Finding]", compared: "Compared", *, as_json: bool) -> None:
    if as_json:
        show_json({"findings": findings, "truth": compared})
    else:
        for found in findings:
            who = " ".join(filter(None, (found.dev_eui, found.name, found.space and f"in {found.space}")))
            show_line(f"{who}: {found.problem}: {found.detail}")
            show_line(f"    {found.fix}")
        if not findings:
            show_line("Nothing is wrong with any device.")
        if compared.truths:
            _show_compared(compared)
    if findings:
        raise typer.Exit(1)


_SCORES = ("codec", "observed", "truths", "right", "wrong", "missed")


def _show_compared(compared: "Compared") -> None:
    """The comparison with what people have seen. It is no fault by itself, because an observed sensor may be wrong."""
    show_line("")
    show_line(f"Compared with {counted(compared.truths, 'truth')}:")
    show_table(("device", "space", *_SCORES), [(one.device, one.space, *_score(one)) for one in compared.devices])
    show_line("")
    show_table(_SCORES, [_score(one) for one in compared.codecs])
    for one in compared.wrong:
        seen, reported = ("occupied", "vacant") if one.occupied else ("vacant", "occupied")
        show_line(f"{one.space} at {one.at:%Y-%m-%d %H:%M} UTC was {seen}, and {one.device} reported {reported}.")


def _score(one: "Score") -> tuple[object, ...]:
    numbers = (one.right, one.right_percent), (one.wrong, one.wrong_percent), (one.missed, one.missed_percent)
    cells = (f"{number:,} ({percent:g} %)" for number, percent in numbers)
    return one.codec, "yes" if one.observed else None, one.right + one.wrong + one.missed, *cells
