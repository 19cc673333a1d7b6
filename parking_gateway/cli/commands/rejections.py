"""Commands about rejected messages: list, show, retry and purge."""

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.choices import Since, Until, dev_eui_of, moment
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.commands.rejection_advice import ADVICE
from parking_gateway.cli.opened import decoder, fail, query_once, work_on
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import show_json, show_line, show_table
from parking_gateway.core.events import Reason
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.intake.retrying import Retried
    from parking_gateway.store.dead_letters import ListedRejection, Wanted
    from parking_gateway.store.pool import Pool
    from parking_gateway.store.query import Query

app = typer.Typer(
    name="rejections", help="List rejected messages, try them again, or delete them.", no_args_is_help=True
)

Reasons = Annotated[
    list[Reason] | None,
    typer.Option("--reason", metavar="REASON", help="With this reason; repeatable.", show_default=False),
]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="DEV_EUI", help="Of this device; repeatable.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most this number.")]
LimitOfRetry = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most this number.", show_default=False)
]
Id = Annotated[int, typer.Argument(metavar="ID", help="Its id in the list.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Delete all rejections.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the number and delete nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_(  # noqa: PLR0913 - the filters
    *,
    reason: Reasons = None,
    device: Devices = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List the rejected messages, the latest first.

    For example:

        parking-gateway rejections list --reason undecodable --since 3d
    """
    from parking_gateway.store import dead_letters  # noqa: PLC0415 - heavy

    wanted = _wanted(reason, device, since, until)
    letters = query_once(configured(config), dead_letters.latest(wanted, limit=limit))
    if as_json:
        show_json(letters)
        return
    show_table(
        ("id", "received (UTC)", "reason", "device", "topic", "detail"),
        [(one.id, one.received_at, one.reason, one.dev_eui, one.topic, one.detail) for one in letters],
    )


@app.command("show")
def show(rejection: Id, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show one rejected message whole, and what to do about it.

    For example:

        parking-gateway rejections show 17
    """
    from parking_gateway.store import dead_letters  # noqa: PLC0415 - as above

    wanted = dead_letters.Wanted(ids=(rejection,))
    letters = query_once(configured(config), dead_letters.latest(wanted, limit=1))
    if not letters:
        fail(f"There is no rejection {rejection}: `parking-gateway rejections list` lists them.")
    one = letters[0]
    if as_json:
        show_json(msgspec.to_builtins(one) | {"text": _text(one), "advice": ADVICE[Reason(one.reason)]})
        return
    for name, value in _fields(one):
        show_line(f"{name:<18}{value}")


@app.command("retry")
def retry(  # noqa: PLR0913 - the filters
    *,
    reason: Reasons = None,
    device: Devices = None,
    since: Since = "",
    until: Until = "",
    limit: LimitOfRetry = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Try rejected messages again, the oldest first.

    Do it after a codec, a schema or the configuration was mended. A message that is recorded or decoded now is no
    rejection any more. The others remain, with their present reasons. A running gateway publishes the changes.

    For example:

        parking-gateway rejections retry --reason undecodable --reason codec_failed
    """
    from parking_gateway.decoding.budget import Guests  # noqa: PLC0415 - as above
    from parking_gateway.gateway.opening import limits_of  # noqa: PLC0415 - as above
    from parking_gateway.intake.retrying import Retry  # noqa: PLC0415 - as above
    from parking_gateway.process.wall_clock import utc  # noqa: PLC0415 - as above

    effective = configured(config)
    reader = decoder(effective)
    wanted = _wanted(reason, device, since, until)

    async def work(pool: "Pool") -> "Retried":
        with progress("Trying again", "rejection") as advance:
            again = Retry(
                database=pool,
                guests=Guests(reader),
                limits=limits_of(effective),
                announce_every=effective.publication.device_interval,
                clock=utc,
                advance=advance,
            )
            return await again.retry(wanted, limit=limit)

    retried = work_on(effective, work)
    remaining = retried.remaining.total()
    if as_json:
        show_json(
            {
                "rejections": retried.total,
                "recorded": retried.recorded,
                "remaining": remaining,
                "reasons": retried.remaining,
                "transitions": retried.transitions,
            }
        )
        return
    if not retried.total:
        show_line("There are no such rejections.")
        return
    was, remain = ("was" if retried.recorded == 1 else "were"), ("remains" if remaining == 1 else "remain")
    show_line(
        f"{retried.recorded:,} of {counted(retried.total, 'rejection')} {was} recorded, {remaining:,} {remain}"
        f" ({counted(retried.transitions, 'state change')})."
    )
    for name, number in sorted(retried.remaining.items()):
        show_line(f"{name}: {number:,}. {ADVICE[Reason(name)]}")


@app.command("purge")
def purge(  # noqa: PLR0913 - the filters
    *,
    reason: Reasons = None,
    device: Devices = None,
    since: Since = "",
    until: Until = "",
    all_: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Delete rejected messages. They cannot be tried again then.

    It needs a filter or --all. In a terminal it asks first.

    For example:

        parking-gateway rejections purge --until 90d --dry-run
    """
    from parking_gateway.store import dead_letters  # noqa: PLC0415 - as above

    wanted = _wanted(reason, device, since, until)
    if wanted.is_everything and not all_:
        fail("Choose the rejections with --reason, --device, --since or --until, or delete all with --all.")
    effective = configured(config)

    found = work_on(effective, lambda pool: _number(pool, dead_letters.count(wanted)))
    if not dry_run:
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {counted(found, 'rejection')}?", abort=True, err=True)
        found = query_once(effective, dead_letters.purge(wanted))
    if as_json:
        show_json({"dry_run": dry_run, "rejections": found})
        return
    show_line(f"{'Would be deleted' if dry_run else 'Deleted'}: {counted(found, 'rejection')}.")


async def _number(pool: "Pool", query: "Query[int]") -> int:
    async with pool.connect() as connection:
        (found,) = await connection.commit_together(query)
        return found


def _wanted(reasons: list[Reason] | None, devices: list[str] | None, since: str, until: str) -> "Wanted":
    from parking_gateway.store.dead_letters import Wanted  # noqa: PLC0415 - as above

    return Wanted(
        reasons=tuple(reasons or ()),
        devices=tuple(dev_eui_of(one) for one in devices or ()),
        since=moment(since),
        until=moment(until),
    )


def _text(one: "ListedRejection") -> str | None:
    """The payload as text, if it is text."""
    try:
        return one.message.decode()
    except UnicodeDecodeError:
        return None


def _fields(one: "ListedRejection") -> list[tuple[str, object]]:
    text = _text(one)
    return [
        ("id", one.id),
        ("received", f"{one.received_at.isoformat(timespec='seconds')}"),
        ("reason", one.reason),
        ("detail", one.detail),
        ("device", one.dev_eui or "-"),
        ("deduplication id", one.deduplication_id or "-"),
        ("topic", one.topic),
        ("payload", text if text is not None else f"{one.payload} (hexadecimal)"),
        ("what to do", ADVICE[Reason(one.reason)]),
    ]
