"""The command that shows the whole thing."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.configuration import AsJson

if TYPE_CHECKING:
    from parking_gateway.cli.demo.audit import Report

Size = Annotated[int, typer.Option("--spaces", min=1, max=100_000, help="Size of the car park.")]
RunFor = Annotated[
    float | None,
    typer.Option("--for", min=0.1, metavar="SECONDS", help="Run so long, without a picture, then check and report."),
]
Seed = Annotated[int, typer.Option("--seed", help="Another number, other cars.")]

_COUNTS = ("uplinks", "recorded", "duplicates", "rejected", "transitions", "published", "lost")
_SHOWN_DIFFERENCES = 20


def demo(*, spaces: Size = 120, seconds: RunFor = None, seed: Seed = 1, as_json: AsJson = False) -> None:
    """Show the gateway at work, with a broker, a database and a car park that exist only for it.

    A fleet of simulated sensors sends what real ones send; you see what a dashboard sees. At the end, after Ctrl-C or
    --for, everything that the broker confirmed is looked for in the database, and every retained topic is compared with
    it. Exit status 0: nothing is lost and everything agrees. Nothing is left behind.

    For example:

        parking-gateway demo --spaces 500 --for 30
    """
    # What only the demo needs is not imported for a command like `version`.
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
        # One loss is noticed at several places.
        failures = list(dict.fromkeys(_sentence(one) for one in _leaves(failed)))
    for failure in failures:
        typer.echo(failure, err=True)
    if failures:
        raise typer.Exit(1)
    if report is not None:
        _show(report, as_json=as_json)
    elif seconds is not None:
        typer.echo("It was stopped before anything was checked.", err=True)
        raise typer.Exit(1)


def _show(report: "Report", *, as_json: bool) -> None:
    """The counts on standard output, what is wrong on standard error. Ends with status 1 where something is."""
    counts = {name: getattr(report, name) for name in _COUNTS}
    typer.echo(json.dumps(counts) if as_json else " ".join(f"{name}={count}" for name, count in counts.items()))
    for difference in report.differences[:_SHOWN_DIFFERENCES]:
        typer.echo(difference, err=True)
    if len(report.differences) > _SHOWN_DIFFERENCES:
        typer.echo(f"… and {len(report.differences) - _SHOWN_DIFFERENCES} more", err=True)
    if report.differences:
        raise typer.Exit(1)


def _sentence(error: BaseException) -> str:
    from aiomqtt import MqttError  # noqa: PLC0415 - as above

    return f"The connection to the broker was lost: {error}" if isinstance(error, MqttError) else str(error)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
