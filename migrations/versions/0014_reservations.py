"""Reservations: a table in which no two of a space overlap, the rules of zones, and the aspects of the one that holds.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("""
create table reservation (
    id bigint generated always as identity primary key,
    space_id bigint not null,
    during tstzrange not null,
    status text not null default 'booked',
    request_id text unique,
    wished_zone text,
    wished_audience text,
    by text not null,
    holder text,
    note text,
    calendar text,
    uid text,
    recurrence text,
    created_at timestamptz not null default now(),
    checked_in_at timestamptz,
    ended_at timestamptz,
    why text,
    constraint reservation_status check (
        status in ('booked', 'holding', 'checked_in', 'completed', 'released', 'no_show', 'expired', 'cancelled')
    ),
    constraint reservation_during check (
        not isempty(during) and lower(during) is not null and upper(during) is not null
        and lower_inc(during) and not upper_inc(during)
    ),
    constraint reservation_no_overlap exclude using gist (
        int8range(space_id, space_id, '[]') with &&, during with &&
    ) where (status in ('booked', 'checked_in', 'holding'))
)""")
    op.execute("create index reservation_space_id_idx on reservation (space_id)")
    op.execute("create index reservation_calendar_idx on reservation (calendar, uid) where calendar is not null")
    op.execute("create index reservation_start_idx on reservation (lower(during)) where status = 'booked'")
    op.execute("""
create index reservation_end_idx on reservation (upper(during)) where status in ('booked', 'checked_in', 'holding')""")
    op.execute("alter table zone add column grace integer, add column keeps_on_leaving boolean")
    op.execute("alter table zone add constraint zone_grace check (grace >= 0)")
    op.execute("""
alter table space
    add column reserved_checked_in boolean not null default false,
    add column reserved_kept boolean not null default false""")


def downgrade() -> None:
    op.execute("alter table space drop column reserved_checked_in, drop column reserved_kept")
    op.execute("alter table zone drop column grace, drop column keeps_on_leaving")
    op.execute("drop table reservation")
