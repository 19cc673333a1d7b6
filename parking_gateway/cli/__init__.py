"""The command line. A command imports heavy modules only when it runs.

In the order to read: `commands` (a module for each noun that a person types), `shown` and `table` (their output), `opened`
(their database), `asked` (their requests), `doctor` (the checks of one command), `regions` (the files of gateways beside one another), `demo` (the whole system on one machine).
"""

import typer

from parking_gateway.cli.commands import (
    alerts,
    codecs,
    configuration,
    database,
    decode,
    decoders,
    demo,
    devices,
    doctor,
    export,
    files,
    heal,
    indicators,
    maintenance,
    operators,
    regions,
    rejections,
    replay,
    request,
    reservations,
    run,
    sites,
    spaces,
    truth,
    zones,
)

app = typer.Typer(
    name="parking-gateway",
    help="From LoRaWAN parking sensors to a truthful picture of every space.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)

app.callback()(configuration.root)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("check-config")(configuration.check_config)
app.command("heal")(heal.heal)
app.command("migrate")(database.migrate)
app.command("republish")(database.republish)
app.add_typer(spaces.app)
app.add_typer(zones.app)
app.add_typer(operators.app)
app.add_typer(regions.app)
app.add_typer(sites.app)
app.add_typer(devices.app)
app.add_typer(indicators.app)
app.add_typer(maintenance.app)
app.add_typer(reservations.app)
app.add_typer(rejections.app)
app.add_typer(alerts.app)
app.command("truth")(truth.truth)
app.command("replay")(replay.replay)
app.command("export")(export.export)
app.command("request")(request.request)
app.command("decode")(decode.decode)
app.add_typer(decoders.app)
app.add_typer(codecs.app)
app.command("config-example")(files.config_example)
app.add_typer(files.app)
app.command("version")(configuration.version)
