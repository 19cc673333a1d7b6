"""The check of the alerts: whether notices reach their recipients."""

from datetime import UTC, datetime

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted
from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.store import alert_recipients
from parking_gateway.store.database import Connection

_FIX = "Correct the section [alerts], or the recipient"


async def examine_alerts(connection: Connection, *, config: Config) -> list[Check]:
    """One check for each recipient of the configuration."""
    try:
        recipients = recipients_of(config, clock=lambda: datetime.now(UTC))
    except ConfigError as error:
        return [Check(about="alerts", detail=" ".join(error.mistakes), fix=_FIX)]
    (states,) = await connection.together(alert_recipients.states())
    found = []
    for one in recipients:
        state = states.get(one.name)
        about = f"{one.medium} {one.name}"
        if state is None:
            detail = f"{about}: no gateway has started with it yet"
            found.append(Check(about="alerts", detail=detail, is_judged=False))
            continue
        waiting = f"{about}: {counted(state.waiting, 'notice')} to be delivered"
        if state.failures:
            detail = f"{waiting}, {counted(state.failures, 'failure')} in a row: {state.error}"
            found.append(Check(about="alerts", detail=detail, fix=_FIX))
        elif state.given_up:
            detail = f"{about}: {counted(state.given_up, 'notice')} of the last day given up: {state.given_up_error}"
            found.append(Check(about="alerts", detail=detail, fix=_FIX))
        else:
            found.append(Check(about="alerts", detail=waiting))
    return found
