"""Stays of cars, and what is needed to correct the past when an uplink comes late.

The stays that the log has are taken from it.

Revision ID: 0024
"""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("""
create table past_stay (
    id bigint generated always as identity,
    space bigint not null,
    arrived_at timestamptz not null,
    departed_at timestamptz,
    arrival text not null,
    departure text,
    reservation text,
    overstay boolean not null default false,
    corrects bigint,
    withdrawn_at timestamptz,
    primary key (space, arrived_at, id)
) partition by range (arrived_at)""")
    op.execute("create table past_stay_default partition of past_stay default")
    op.execute("create index past_stay_default_age_idx on past_stay_default (arrived_at)")
    op.execute("""
create table offer (
    id bigint generated always as identity,
    space bigint not null,
    at timestamptz not null,
    service text not null,
    reservation text,
    cause text not null,
    primary key (space, at, id)
)""")
    op.execute("""
create table late (
    space bigint primary key,
    since timestamptz not null,
    until timestamptz not null
)""")
    op.execute("""
alter table space
    add column offered_at timestamptz,
    add column arrived_at timestamptz,
    add column arrival text,
    add column arrived_for text,
    add column watched_since timestamptz not null default '-infinity'
""")
    op.execute("""
update space set arrived_at = since, arrival = coalesce(cause, '') where occupancy = 'occupied'
""")
    op.execute("alter table transition add column corrects bigint, add column withdrawn_at timestamptz")
    op.execute("""
insert into past_stay (space, arrived_at, departed_at, arrival, departure)
select space, at, departed_at, cause, departure
from (
    select
        space, "to", at, cause,
        lead(at) over (partition by space order by id) as departed_at,
        lead(cause) over (partition by space order by id) as departure
    from transition
) as step
where "to" = 'OCCUPIED' and departed_at is not null
""")
    op.execute("""
create index past_stay_departed_at_idx on past_stay
using brin (departed_at) with (pages_per_range = 32, autosummarize = true)
""")
    op.execute("""
create index transition_at_idx on transition using brin (at) with (pages_per_range = 32, autosummarize = true)
""")


def downgrade() -> None:
    op.execute("drop index transition_at_idx")
    # The earlier schema has no mark for a step that did not happen so.
    op.execute("delete from transition where withdrawn_at is not null")
    op.execute("alter table transition drop column corrects, drop column withdrawn_at")
    op.execute("""
alter table space
    drop column offered_at,
    drop column arrived_at,
    drop column arrival,
    drop column arrived_for,
    drop column watched_since
""")
    op.execute("drop table late, offer, past_stay")
