"""The command of `make simulate`: many universes on all cores, and first the planted mistakes, each of which has to be found."""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated, Final

import simloom
import typer

from tests.simulation.faults import Fault
from tests.simulation.mutants import MUTANTS
from tests.simulation.universe import Outcome, run
from tests.simulation.workers import hunt, prepare, run_some

_AT_ONCE: Final = 25
"""Universes of one task of a worker."""
_ENOUGH: Final = 200
"""Universes in which every kind of fault has to happen."""
_SHOWN: Final = 5


def simulate(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="universes")] = 1000,
    first: Annotated[int, typer.Option(min=0, help="the seed of the first one")] = 1,
    seed: Annotated[int | None, typer.Option(help="run this one alone, twice, and show its digest")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes")] = os.cpu_count() or 1,
) -> None:
    """Let the gateway live through outages. Exit status 1: an uplink is lost or doubled, or a step, a stay or a topic is wrong."""
    if seed is not None:
        _repeat(seed)
        return
    began = time.monotonic()
    processes = multiprocessing.get_context("spawn")
    happened: Counter[str] = Counter()
    with ProcessPoolExecutor(jobs, mp_context=processes, initializer=prepare) as pool:
        unfound = [name for name, number in pool.map(hunt, range(len(MUTANTS))) if not _found(name, number)]
        failed: list[Outcome] = []
        for outcomes in pool.map(run_some, _parts(first, seeds)):
            for one in outcomes:
                happened.update(one.happened)
                failed += [one] if one.failure else []
    for fault in Fault:
        typer.echo(f"{happened[fault.name]:>9,} times: {fault}")
    typer.echo(f"{seeds:,} universes in {time.monotonic() - began:.0f} s, {len(failed)} failed")
    for one in failed[:_SHOWN]:
        typer.echo(f"\n{str(one.failure)[:2000]}\nmake simulate SEED={one.seed}", err=True)
    never = [str(fault) for fault in Fault if not happened[fault.name]] if seeds >= _ENOUGH else []
    for why, names in (("never happened", never), ("not found", unfound)):
        if names:
            typer.echo(f"{why}: {', '.join(names)}", err=True)
    if failed or never or unfound:
        raise typer.Exit(1)


def _repeat(seed: int) -> None:
    prepare()
    outcomes = [run(seed, with_digest=True) for _ in range(2)]
    for one in outcomes:
        typer.echo(f"seed {one.seed}: {one.failure or 'all is true'}; digest {one.digest[:16]}")
    for name, number in sorted(outcomes[0].happened.items()):
        typer.echo(f"{number:>4} times: {Fault[name]}")
    if outcomes[0].digest != outcomes[1].digest:
        typer.echo("It is not the same each time: something in it is not of the seed", err=True)
    if any(one.failure for one in outcomes) or outcomes[0].digest != outcomes[1].digest:
        raise typer.Exit(1)


def _parts(first: int, seeds: int) -> Iterator[range]:
    last = first + seeds
    for start in range(first, last, _AT_ONCE):
        yield range(start, min(start + _AT_ONCE, last))


def _found(name: str, number: int | None) -> bool:
    if number is not None:
        typer.echo(f"found in universe {number:>3}: a gateway that {name.replace('_', ' ')}")
    return number is not None


if __name__ == "__main__":
    if not simloom.is_pinned():  # else the order of sets would differ from run to run
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONHASHSEED": "0"})
    typer.run(simulate)
