"""Alerts: notices on their way to a webhook or a mail server. Each is written with its notice, for every recipient of its kind.

One gateway at a time delivers to a recipient: it claims the recipient with every page, and gives it up with the first empty one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import DueOutgoing
from parking_gateway.store.query import Query, Rows, command, counts, written
from parking_gateway.store.rows import array_of


class Alert(NamedTuple):
    """A notice for a recipient."""

    notice: DueOutgoing
    failures: int
    """How often the recipient has refused it."""


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
    """Give up alerts that are so many seconds old, if the recipient refuses them or was away for as long.

    An alert that was not tried waits, such as one of the time between two mails. The answer is how many were given up.
    """
    return counts(_GIVE_UP, {"recipient": recipient, "seconds": after})


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


_CLAIM: Final = written(
    """
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
""",
    seconds=sa.Double,
)
_PAGE: Final = written(
    """
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
""",
    limit=sa.Integer,
)
_DELETE: Final = written("""
delete from alert where recipient = :recipient and notice = any (cast(:ids as bigint[]))
""")
_REST: Final = written(
    """
update alert_recipient
set next_at = now() + make_interval(secs => :seconds), failures = 0, failing_since = null, error = null
where name = :recipient
""",
    seconds=sa.Double,
)
_REFUSE: Final = written(
    """
update alert
set next_at = now() + make_interval(secs => :seconds), failures = failures + 1, error = :error
where recipient = :recipient and notice = any (cast(:ids as bigint[]))
""",
    seconds=sa.Double,
)
_FAIL: Final = written(
    """
update alert_recipient
set
    next_at = now() + make_interval(secs => :seconds), failures = failures + 1, error = :error,
    failing_since = coalesce(failing_since, now())
where name = :recipient
""",
    seconds=sa.Double,
)
_GIVE_UP: Final = written(
    """
with gone as (
    update alert
    set given_up_at = now(), error = coalesce(alert.error, alert_recipient.error)
    from alert_recipient
    where
        alert.recipient = :recipient and alert_recipient.name = :recipient and alert.given_up_at is null
        and alert.created_at < now() - make_interval(secs => :seconds)
        and (
            alert.failures > 0
            -- With `next_at`, it has just been tried again.
            or alert_recipient.failing_since < now() - make_interval(secs => :seconds) and alert_recipient.next_at > now()
        )
    returning 1
)
select count(*) from gone
""",
    seconds=sa.Double,
)
