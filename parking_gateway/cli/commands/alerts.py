"""The command that tries the recipients of alerts."""

from typing import TYPE_CHECKING

import typer

from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import fail
from parking_gateway.cli.shown import show_errors, show_line
from parking_gateway.process import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parking_gateway.outbox.alerts.recipient import Delivery, Recipient

app = typer.Typer(name="alerts", help="Try the recipients of alerts.", no_args_is_help=True)


@app.command("test")
def try_(*, config: ConfigFile = None) -> None:
    """Send a test notice to every webhook and mailbox.

    It goes to the recipients of the section [alerts], from here and at once, and is neither stored nor published. Exit status 1: a recipient did not take it.

    For example:

        parking-gateway alerts test
    """
    from parking_gateway.outbox.alerts.recipients import recipients_of  # noqa: PLC0415 - heavy
    from parking_gateway.process.config import ConfigError  # noqa: PLC0415 - as above
    from parking_gateway.process.wall_clock import utc  # noqa: PLC0415 - as above

    effective = configured(config)
    try:
        recipients = recipients_of(effective, clock=utc)
    except ConfigError as error:
        fail(*error.mistakes)
    if not recipients:
        fail("There is no recipient: set alerts.webhooks or alerts.mail_to.")
    has_failed = False
    for one, made in zip(recipients, signals.run(_tried(recipients)), strict=True):
        name = f"{one.medium} {one.name}"
        failures = [made.failure, *(failure for _, failure in made.refused)]
        sentences = [f"{name}: {failure.error}" for failure in failures if failure]
        sentences += [f"{name}: the mail server refuses {address}" for address in made.unreached]
        show_errors(sentences)
        if made.delivered:
            show_line(f"{name}: delivered")
        has_failed = has_failed or bool(sentences)
    if has_failed:
        raise typer.Exit(1)


async def _tried(recipients: "Sequence[Recipient]") -> "list[Delivery]":
    from parking_gateway.core.notice import Notice, NoticeKind  # noqa: PLC0415 - as above
    from parking_gateway.core.outgoing import DueOutgoing  # noqa: PLC0415 - as above
    from parking_gateway.process.wall_clock import utc  # noqa: PLC0415 - as above
    from parking_gateway.store.alerts import Alert  # noqa: PLC0415 - as above

    now = utc()
    # A recipient ignores an id that it has seen, so each test has another one, far from those of the database.
    number = int(now.timestamp() * 1_000_000)
    notice = Notice(kind=NoticeKind.TEST, at=now)
    row = DueOutgoing(id=number, site=None, zone=None, space=None, message=notice)
    return [await one.deliver([Alert(row, 0)]) for one in recipients]
