"""Alerts: notices on their way to a webhook or a mail server. Each is written with its notice, for every recipient of its kind.

One gateway at a time delivers to a recipient: it claims the recipient with every page, and gives it up with the first empty one.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import DueOutgoing
from parking_gateway.store.query import Query, Rows, Statement, command
from parking_gateway.store.rows import array_of
from parking_gateway.store.tables import TIME


class Alert(NamedTuple):
    """A notice for a recipient."""

    notice: DueOutgoing
    failures: int
    """How often the recipient has refused it."""


class RecipientState(msgspec.Struct, frozen=True, kw_only=True):
    """How a recipient is."""

    failures: int
    """In a row."""
    failing_since: datetime | None
    error: str | None
    """The last one, since the last delivery."""
    waiting: int
    """Notices that are not delivered."""
    given_up: int
    """Notices of the last day that were given up."""
    given_up_error: str | None
    """The last error of the last one of these."""
    seconds: float | None
    """Until the next attempt. None: nothing waits for time alone."""


def register(recipients: Mapping[str, Collection[NoticeKind]]) -> Query[None]:
    """Write the recipients with their kinds. From now on every such notice has an alert for each of them.

    A gateway repeats it every day, because `forget` deletes recipients that no configuration has any more.
    """
    kinds = msgspec.json.encode({name: list(each) for name, each in recipients.items()}).decode()
    return command(_REGISTER, {"kinds": kinds})


def claim(recipient: str, instance: str, *, seconds: float) -> Query[None]:
    """Claim the recipient for this gateway, unless another one has. Until the commit, others wait for this.

    Where nothing is due, nothing is written, because this is executed every few seconds.
    """
    return command(_CLAIM, {"recipient": recipient, "instance": instance, "seconds": seconds})


def page(recipient: str, instance: str, *, limit: int) -> Query[list[Alert]]:
    """The oldest alerts that are due, if this gateway has claimed the recipient. If there are none, the claim ends.

    To be executed after `claim` in its transaction, for the reason that `outgoing.page` names.
    """
    arguments = {"recipient": recipient, "instance": instance, "limit": limit}
    return Query(statement=_PAGE, arguments=arguments, read=_alerts)


def delivered(recipient: str, notices: Sequence[int], *, rest_seconds: float) -> list[Query[None]]:
    """Delete these alerts, because the recipient has them. The recipient rests for so many seconds."""
    return [
        command(_DELETE, {"recipient": recipient, "ids": array_of(notices)}),
        command(_REST, {"recipient": recipient, "seconds": rest_seconds}),
    ]


def refused(recipient: str, notice: int, *, seconds: float, error: str) -> Query[None]:
    """Leave this alert for later, because the recipient refuses it. Others go on."""
    arguments = {"recipient": recipient, "ids": array_of([notice]), "seconds": seconds, "error": error}
    return command(_REFUSE, arguments)


def failed(recipient: str, *, seconds: float, error: str) -> Query[None]:
    """Leave all alerts of the recipient for later, because the recipient is away."""
    return command(_FAIL, {"recipient": recipient, "seconds": seconds, "error": error})


def give_up(recipient: str, *, after: float) -> Query[int]:
    """Give up what could not be delivered for so many seconds. The answer is how many alerts they were."""
    return Query(
        statement=_GIVE_UP, arguments={"recipient": recipient, "seconds": after}, read=lambda rows: int(rows[0][0])
    )


def state(recipient: str) -> Query[RecipientState]:
    """How the recipient is."""
    return Query(statement=_STATE, arguments={"recipient": recipient}, read=_state)


def states() -> Query[dict[str, RecipientState]]:
    """How all recipients are."""
    return Query(
        statement=_STATES, arguments={}, read=lambda rows: {name: _state([row]) for name, *row in map(tuple, rows)}
    )


def forget() -> list[Query[None]]:
    """Delete alerts that were given up a week ago, and recipients that no configuration has had for 30 days."""
    return [command(_FORGET_ALERTS), command(_FORGET_CHANNELS)]


def _alerts(rows: Rows) -> list[Alert]:
    return [
        Alert(
            DueOutgoing(
                id=number,
                site=site,
                zone=zone,
                space=space,
                message=Notice(
                    kind=NoticeKind(kind),
                    at=at,
                    dev_eui=None if dev_eui is None else DevEui(dev_eui),
                    details=msgspec.json.decode(details),
                ),
            ),
            failures,
        )
        for number, at, kind, site, zone, space, dev_eui, details, failures in rows
    ]


def _state(rows: Sequence[Sequence[Any]]) -> RecipientState:
    if not rows:  # it was deleted by hand
        return RecipientState(
            failures=0, failing_since=None, error=None, waiting=0, given_up=0, given_up_error=None, seconds=None
        )
    ((failures, failing_since, error, waiting, given_up, given_up_error, seconds),) = rows
    return RecipientState(
        failures=failures,
        failing_since=failing_since,
        error=error,
        waiting=waiting,
        given_up=given_up,
        given_up_error=given_up_error,
        seconds=None if seconds is None else float(seconds),
    )


def _text(sql: str) -> Statement:
    types: dict[str, Any] = {
        "recipient": sa.Text,
        "instance": sa.Text,
        "error": sa.Text,
        "ids": sa.Text,
        "kinds": pg.JSONB,
        "seconds": sa.Double,
        "limit": sa.Integer,
        "since": TIME,
    }
    given = (sa.bindparam(name, type_=kind) for name, kind in types.items() if f":{name}" in sql)
    return Statement(sa.text(sql).bindparams(*given))


_REGISTER: Final = _text("""
insert into alert_recipient as recipient (name, kinds, seen_at)
select key, array(select jsonb_array_elements_text(value)), now()
from jsonb_each(cast(:kinds as jsonb))
order by key
on conflict (name) do update set kinds = excluded.kinds, seen_at = excluded.seen_at
""")
_CLAIM: Final = _text("""
update alert_recipient
set claimed_by = :instance, claimed_until = now() + make_interval(secs => :seconds)
where
    name = :recipient
    and (
        claimed_by = :instance
        or (claimed_by is null or claimed_until <= now()) and next_at <= now() and exists (
            select from alert where recipient = :recipient and given_up_at is null and next_at <= now()
        )
    )
""")
_PAGE: Final = _text("""
with page as (
    select
        notice.id, notice.at, notice.kind, notice.site, notice.zone, notice.space, notice.dev_eui,
        cast(notice.details as text) as details_text, alert.failures
    from alert
    join notice on notice.id = alert.notice
    where
        alert.recipient = :recipient and alert.given_up_at is null and alert.next_at <= now()
        and exists (
            select from alert_recipient where name = :recipient and claimed_by = :instance and next_at <= now()
        )
    order by notice.id
    limit :limit
), released as (
    update alert_recipient
    set claimed_by = null
    where name = :recipient and claimed_by = :instance and not exists (select from page)
)
select * from page order by id
""")
_DELETE: Final = _text("""
delete from alert where recipient = :recipient and notice = any (cast(:ids as bigint[]))
""")
_REST: Final = _text("""
update alert_recipient
set next_at = now() + make_interval(secs => :seconds), failures = 0, failing_since = null, error = null
where name = :recipient
""")
_REFUSE: Final = _text("""
update alert
set next_at = now() + make_interval(secs => :seconds), failures = failures + 1, error = :error
where recipient = :recipient and notice = any (cast(:ids as bigint[]))
""")
_FAIL: Final = _text("""
update alert_recipient
set
    next_at = now() + make_interval(secs => :seconds), failures = failures + 1, error = :error,
    failing_since = coalesce(failing_since, now())
where name = :recipient
""")
_GIVE_UP: Final = _text("""
with gone as (
    update alert
    set given_up_at = now(), error = coalesce(alert.error, alert_recipient.error)
    from alert_recipient
    where
        alert.recipient = :recipient and alert_recipient.name = :recipient and alert.given_up_at is null
        and alert.created_at < now() - make_interval(secs => :seconds)
    returning 1
)
select count(*) from gone
""")
_STATE_OF: Final = """
    recipient.failures, recipient.failing_since, recipient.error,
    (select count(*) from alert where alert.recipient = recipient.name and given_up_at is null),
    (select count(*) from alert where alert.recipient = recipient.name and given_up_at > now() - interval '1 day'),
    (
        select alert.error
        from alert
        where alert.recipient = recipient.name and given_up_at > now() - interval '1 day'
        order by given_up_at desc, notice desc
        limit 1
    ),
    (
        select extract(epoch from greatest(min(alert.next_at), recipient.next_at) - now())
        from alert
        where alert.recipient = recipient.name and given_up_at is null
    )
from alert_recipient as recipient
"""
_STATE: Final = _text(f"select {_STATE_OF} where recipient.name = :recipient")
_STATES: Final = _text(f"select recipient.name, {_STATE_OF} order by recipient.name")
_FORGET_ALERTS: Final = _text("delete from alert where given_up_at < now() - interval '7 days'")
_FORGET_CHANNELS: Final = _text("delete from alert_recipient where seen_at < now() - interval '30 days'")
