"""The recipients of alerts: those of the configuration, how each of them is, and which are forgotten."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.notice import NoticeKind
from parking_gateway.store.query import Query, Rows, Statement, command


class RecipientState(NamedTuple):
    """How a recipient is."""

    failures: int = 0
    """In a row."""
    failing_since: datetime | None = None
    error: str | None = None
    """The last one, since the last delivery."""
    waiting: int = 0
    """Notices that are not delivered."""
    given_up: int = 0
    """Notices of the last day that were given up."""
    given_up_error: str | None = None
    """The last error of the last one of these."""
    seconds: float | None = None
    """Until the next attempt; negative while another gateway delivers. None: nothing waits."""


def register(recipients: Mapping[str, Collection[NoticeKind]]) -> Query[None]:
    """Write the recipients with their kinds. From now on every such notice has an alert for each of them.

    A gateway repeats it every day, because `forget` deletes recipients that no configuration has any more.
    """
    kinds = msgspec.json.encode({name: list(each) for name, each in recipients.items()}).decode()
    return command(_REGISTER, {"kinds": kinds})


def states() -> Query[dict[str, RecipientState]]:
    """How each recipient is, by its name."""
    return Query(statement=_STATES, arguments={}, read=_states)


def forget() -> list[Query[None]]:
    """Delete alerts that were given up a week ago, and recipients that no configuration has had for 30 days."""
    return [command(_FORGET_ALERTS), command(_FORGET_RECIPIENTS)]


def _states(rows: Rows) -> dict[str, RecipientState]:
    return {name: RecipientState(*state) for name, *state in rows}


_REGISTER: Final = Statement(
    sa.text("""
insert into alert_recipient as recipient (name, kinds, seen_at)
select key, array(select jsonb_array_elements_text(value)), now()
from jsonb_each(cast(:kinds as jsonb))
order by key
on conflict (name) do update set kinds = excluded.kinds, seen_at = excluded.seen_at
""").bindparams(sa.bindparam("kinds", type_=pg.JSONB))
)
_STATES: Final = Statement(
    sa.text("""
select
    recipient.name, recipient.failures, recipient.failing_since, recipient.error,
    count(alert.notice) filter (where given_up_at is null),
    count(alert.notice) filter (where given_up_at > now() - interval '1 day'),
    (array_agg(alert.error order by given_up_at desc, notice desc) filter (where given_up_at > now() - interval '1 day'))[1],
    -- Null if nothing waits.
    cast(
        case
            when bool_or(given_up_at is null and alert.notice is not null)
            then extract(
                epoch from greatest(min(alert.next_at) filter (where given_up_at is null), recipient.next_at) - now()
            )
        end
        as double precision
    )
from alert_recipient as recipient
left join alert on alert.recipient = recipient.name
group by recipient.name
order by recipient.name
""")
)
_FORGET_ALERTS: Final = Statement(sa.text("delete from alert where given_up_at < now() - interval '7 days'"))
_FORGET_RECIPIENTS: Final = Statement(sa.text("delete from alert_recipient where seen_at < now() - interval '30 days'"))
