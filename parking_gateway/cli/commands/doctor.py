"""The command that finds faults and names their remedies."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import decoder, transact
from parking_gateway.cli.shown import show_json, show_line
from parking_gateway.process import signals

if TYPE_CHECKING:
    from parking_gateway.cli.doctor.devices import Finding
    from parking_gateway.cli.doctor.surroundings import Check
    from parking_gateway.decoding.decoder import Decoder
    from parking_gateway.process.config import Config
    from parking_gateway.store.database import Connection

OfDevices = Annotated[bool, typer.Option("--devices", help="Check the devices instead.")]
ListenFor = Annotated[
    float, typer.Option("--listen", min=0, metavar="SECONDS", help="Wait so long for an event of ChirpStack.")
]

_LATELY = timedelta(days=1)


def doctor(
    *, config: ConfigFile = None, devices: OfDevices = False, listen: ListenFor = 3, as_json: AsJson = False
) -> None:
    """Find faults, and show what to do.

    It checks the configuration, the broker, the database, the running gateway and the QoS of ChirpStack. (At QoS 0, the
    default of ChirpStack, a restart of the gateway loses events.) A check that is not possible is "unknown". With --devices
    it shows each device that is unassigned, silent, unreadable, lossy, held back by a wrong clock or without a needed
    option, and the command that helps.

    It changes nothing and does not disturb a running gateway. Exit status 0: nothing is wrong.

    For example:

        parking-gateway doctor --devices
    """
    effective = configured(config)
    reader = decoder(effective)
    if devices:
        _show_findings(_examined(effective, reader), as_json=as_json)
    else:
        _show_checks(signals.run(_checked(effective, reader, timedelta(seconds=listen))), as_json=as_json)


async def _checked(config: "Config", reader: "Decoder", listen: timedelta) -> "list[Check]":
    from parking_gateway.cli.doctor.encryption import examine_encryption  # noqa: PLC0415 - heavy
    from parking_gateway.cli.doctor.promises import examine_promises  # noqa: PLC0415 - heavy
    from parking_gateway.cli.doctor.running import (  # noqa: PLC0415 - as above
        examine_gateway,
        examine_journal,
        look,
        with_what_it_received,
    )
    from parking_gateway.cli.doctor.surroundings import (  # noqa: PLC0415 - as above
        examine_broker,
        examine_names,
    )

    running = await look(config)
    now = datetime.now(UTC)
    checks = [*examine_names(config), *examine_encryption(config)]
    checks += [with_what_it_received(check, running, now=now) for check in await examine_broker(config, listen=listen)]
    if not any(check.about == "broker" and check.fix for check in checks):
        checks += await examine_promises(config)
    checks += examine_gateway(running, config, now=now)
    checks += examine_journal(running, now=now)
    return [*checks, *await _of_database(config, reader, since=now - _LATELY)]


async def _of_database(config: "Config", reader: "Decoder", *, since: datetime) -> "list[Check]":
    from parking_gateway.cli.doctor.months import examine_months  # noqa: PLC0415 - as above
    from parking_gateway.cli.doctor.servers import examine_servers  # noqa: PLC0415 - as above
    from parking_gateway.cli.doctor.surroundings import Check, examine_clocks, examine_database  # noqa: PLC0415 - as above
    from parking_gateway.gateway.opening import database  # noqa: PLC0415 - as above
    from parking_gateway.process.config import ConfigError  # noqa: PLC0415 - as above
    from parking_gateway.store.embedded import EmbeddedFailed  # noqa: PLC0415 - as above
    from parking_gateway.store.schema import SchemaMismatch  # noqa: PLC0415 - as above
    from parking_gateway.store.verdicts import FAILURES, diagnosis_of  # noqa: PLC0415 - as above

    fix = "Follow this message, or correct the section [database]"
    try:
        async with database(config) as pool:
            checks = await examine_database(pool, reader)
            if checks[0].verdict == "fine":
                checks += await examine_servers(pool)
                checks += await examine_clocks(pool, since=since)
                checks += await examine_months(pool, config, now=since + _LATELY)
            return checks
    except ConfigError as error:
        return [Check(about="database", detail=" ".join(error.mistakes), fix=fix)]
    except (EmbeddedFailed, SchemaMismatch) as failure:
        return [Check(about="database", detail=str(failure), fix=fix)]
    except FAILURES as error:
        return [Check(about="database", detail=diagnosis_of(error).sentence, fix=fix)]


def _examined(config: "Config", reader: "Decoder") -> "list[Finding]":
    from parking_gateway.cli.doctor.devices import examine  # noqa: PLC0415 - as above
    from parking_gateway.store import diagnosis, fleet, lost  # noqa: PLC0415 - as above

    now = datetime.now(UTC)

    async def work(connection: "Connection") -> "list[Finding]":
        since = now - _LATELY
        known, refused, losses = await connection.together(
            fleet.listed(), diagnosis.refused(since=since), lost.lossy(since)
        )
        return list(examine(known, refused, losses, decoder=reader, now=now))

    return transact(config, work)


def _show_checks(checks: "Sequence[Check]", *, as_json: bool) -> None:
    if as_json:
        show_json([msgspec.to_builtins(check) | {"verdict": check.verdict} for check in checks])
    else:
        for check in checks:
            show_line(f"{check.verdict}  {check.about}: {check.detail}")
            if check.fix:
                show_line(f"       {check.fix}")
    if any(check.fix for check in checks):
        raise typer.Exit(1)


def _show_findings(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        show_json(findings)
    else:
        for found in findings:
            who = " ".join(filter(None, (found.dev_eui, found.name, found.space and f"in {found.space}")))
            show_line(f"{who}: {found.problem}: {found.detail}")
            show_line(f"    {found.fix}")
        if not findings:
            show_line("Nothing is wrong with any device.")
    if findings:
        raise typer.Exit(1)
