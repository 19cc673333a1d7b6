"""The command that fetches lost uplinks from ChirpStack."""

from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.choices import Since, dev_eui_of, moment
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import decoder, fail, with_database
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_errors, show_json, show_line
from parking_gateway.core.wording import counted
from parking_gateway.intake.refusals import NOT_INSTALLED

if TYPE_CHECKING:
    from parking_gateway.core.events import DevEui
    from parking_gateway.decoding.decoder import Decoder
    from parking_gateway.intake.healing import Healed
    from parking_gateway.process.config import Config
    from parking_gateway.store.pool import Pool

OfDevices = Annotated[
    list[str], typer.Option("--device", metavar="DEV_EUI", help="Only this device; repeatable.", show_default=False)
]


def heal(*, config: ConfigFile = None, device: OfDevices = [], since: Since = "", as_json: AsJson = False) -> None:  # noqa: B006 - typer copies it
    """Fetch lost events from those that ChirpStack stores.

    ChirpStack stores the last ten events of each device for 31 days, unless it is configured otherwise. Without a device,
    all that ChirpStack has heard since then are asked for, new ones too. What is recorded already stays as it is. It needs chirpstack.api_url and chirpstack.api_key, and may run beside the gateway.
    Exit status 1: ChirpStack did not give the events of a device.

    For example:

        parking-gateway heal --device a84041000181c061 --since 2026-11-26T18:00
    """
    effective = configured(config)
    if effective.chirpstack.api_url is None:
        fail("Healing needs the API of ChirpStack: set chirpstack.api_url and chirpstack.api_key.")
    if find_spec("chirpstack_api") is None:
        fail(f"{NOT_INSTALLED}.")
    reader = decoder(effective)
    chosen = [dev_eui_of(one) for one in device]
    begin = moment(since)

    async def work(pool: "Pool") -> "tuple[Healed, dict[DevEui, str]]":
        return await _healed(effective, pool, reader, chosen, begin)

    healed, failed = with_database(effective, work)
    if as_json:
        show_json(msgspec.to_builtins(healed) | {"failed": failed})
    else:
        show_line(
            f"Healed {counted(healed.uplinks, 'uplink')} of {counted(healed.devices, 'device')};"
            f" {healed.repeated} more were recorded already. Other events: {healed.others}."
        )
    show_errors(sorted(set(failed.values())))
    if failed:
        raise typer.Exit(1)


async def _healed(
    config: "Config", pool: "Pool", reader: "Decoder", chosen: "list[DevEui]", since: datetime | None
) -> "tuple[Healed, dict[DevEui, str]]":
    import asyncio  # noqa: PLC0415 - as heavy as what needs it
    from itertools import islice  # noqa: PLC0415 - as above

    from parking_gateway.gateway.opening import intake_of  # noqa: PLC0415 - heavy
    from parking_gateway.intake.healing import STREAMS, Healed, Wanted, heal  # noqa: PLC0415 - as above
    from parking_gateway.intake.memory import opened  # noqa: PLC0415 - as above
    from parking_gateway.intake.refusals import Unanswered  # noqa: PLC0415 - as above
    from parking_gateway.process.waits import Backoff  # noqa: PLC0415 - as above
    from parking_gateway.process.wall_clock import utc  # noqa: PLC0415 - as above
    from parking_gateway.store import recovery, schema  # noqa: PLC0415 - as above
    from parking_gateway.store.patience import Patience, TakesNothing  # noqa: PLC0415 - as above

    async with pool.connect() as connection:
        await schema.require_current(connection)
        (known,) = await connection.together(recovery.devices())
    waits = Backoff(shortest=config.database.reconnect_wait_min, longest=config.database.reconnect_wait_max)
    patience = Patience(
        pool,
        backoff=waits,
        stop=asyncio.Event(),
        report=lambda _purpose, _failure: None,
        within=config.database.statement_timeout.total_seconds(),
    )
    intake = intake_of(
        config, database=pool, decoder=reader, patience=patience, clock=utc, report=lambda _committed: None
    )
    healed, failed = Healed(), dict["DevEui", str]()
    try:
        async with opened(config.chirpstack) as memory:
            wanted = {dev_eui: Wanted(since=since) for dev_eui in chosen}
            if not chosen:
                heard = await memory.heard(known, since=since)
                wanted = {dev_eui: Wanted(since=since, heard_at=at) for dev_eui, at in heard.items()}
            devices = iter(wanted.items())
            with progress("Healing", "device") as advance:
                while some := dict(islice(devices, STREAMS)):
                    failures = await heal(memory, some, intake=intake, healed=healed)
                    failed |= {dev_eui: str(failure) for dev_eui, failure in failures.items()}
                    advance(healed.devices + len(failed))
                    if len(failures) == STREAMS:  # it is ChirpStack, and not a device
                        break
    except Unanswered as failure:
        fail(str(failure))
    except TakesNothing as failure:
        fail(f"The database cannot be used: {failure}")
    return healed, failed
