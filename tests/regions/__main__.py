"""The command of `make proof-regions`: ten regions with a million spaces on the same engines, and the table of docs/scaling.md."""

import asyncio
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from benchmarks import servers
from benchmarks.machine import Machine
from tests.regions import trial
from tests.regions.rig import rig_in
from tests.regions.trial import Outcome

DOCUMENT: Final = Path(__file__).parents[2] / "docs/scaling.md"
_BETWEEN: Final = re.compile(r"(?<=<!-- regions -->\n).*(?=<!-- end of the regions -->)", re.DOTALL)


def prove(
    *,
    regions: Annotated[int, typer.Option(min=2, help="How many.")] = 10,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces of each region.")] = 100_000,
    rate: Annotated[int, typer.Option(min=1, help="Uplinks a second of all regions: the rush hour.")] = 2500,
    seconds: Annotated[float, typer.Option(min=1, help="The length of the rush hour.")] = 60,
    write: Annotated[bool, typer.Option("--write", help="Put the table into docs/scaling.md.")] = False,
) -> None:
    """Prepare regions, let their pictures come together, and take one database away. Exit status 1: something is wrong."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="parking-regions-") as name, servers.postgres(Path(name)) as server:
        machine = Machine.this(server)
        with rig_in(Path(name), server.url, regions=regions, spaces=spaces) as rig:
            found = asyncio.run(trial.run(rig, rate=rate, seconds=seconds, away=10, server=server.pid))
    text = as_markdown(found, machine, minutes=(time.monotonic() - began) / 60)
    typer.echo(text)
    for difference in found.differences:
        typer.echo(difference, err=True)
    if write and not found.differences:
        DOCUMENT.write_text(_BETWEEN.sub(lambda _: text, DOCUMENT.read_text()))
    raise typer.Exit(bool(found.differences))


def as_markdown(found: Outcome, machine: Machine, *, minutes: float) -> str:
    """The result as a table."""
    cores, memory = found.gateway_cores, [one / 2**20 for one in found.gateway_bytes]
    rows = {
        "`regions prepare`, the slowest": f"{found.prepared:.1f} s",
        "start of all gateways until the last one is ready": f"{found.ready:.1f} s",
        "start until the central broker has all pictures": f"{found.complete:.0f} s",
        "uplinks in all; lost, doubled, or in a wrong region": f"{found.uplinks:,}; {'none' if not found.differences else 'SOME'}",
        "rush hour": f"{found.rate:,} uplinks/s for {found.seconds:.0f} s",
        "… after its last uplink, all are recorded within": f"{found.behind + 0.5:.0f} s",
        "a gateway, CPU in the rush hour": f"{min(cores):.1%} to {max(cores):.1%} of a core",
        "all gateways, CPU": f"{sum(cores):.0%} of a core",
        "Mosquitto of the regions, CPU": f"{found.shared_cores:.0%} of a core",
        "central Mosquitto, CPU": f"{found.central_cores:.0%} of a core",
        "PostgreSQL, CPU": f"{found.database_cores:.0%} of a core",
        "a gateway, peak memory": f"{min(memory):.0f} to {max(memory):.0f} MB",
        "all gateways, peak memory": f"{sum(memory) / 1024:.1f} GB",
        "Mosquitto of the regions, peak memory": f"{found.shared_bytes / 2**20:,.0f} MB",
        "central Mosquitto, peak memory": f"{found.central_bytes / 2**20:,.0f} MB",
        "one database away under load: the others have recorded everything after": f"{found.undisturbed + 0.5:.0f} s",
        "… its region has recorded everything, after the database is back": f"{found.back:.1f} s",
    }
    versions = f"PostgreSQL {machine.versions['PostgreSQL']}, Mosquitto {machine.versions['Mosquitto']}"
    head = (
        f"{found.regions} regions with {found.spaces:,} spaces in all, {machine.cores} cores, {versions}, load before the start"
        f" {machine.load_before}, in {minutes:.0f} minutes:"
    )
    return "\n".join([head, "", "| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows.items()), ""])


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
