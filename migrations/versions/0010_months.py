"""The log, the rejections, the events of devices and the past readings are partitioned by month, as the uplinks are.

Each table is made anew and its rows are copied, table by table: first the rows, then its key and indexes, which is faster than
to keep indexes while rows come. The disk needs room for the largest of the four twice. Rights stay as they were.

Revision ID: 0010
"""

from typing import NamedTuple

from alembic import op

revision = "0010"
down_revision = "0009"


class Table(NamedTuple):
    """A table, with the column that names the month of a row, and its keys and indexes in both schemas."""

    name: str
    column: str
    partitioned: tuple[str, ...]
    plain: tuple[str, ...]
    default: tuple[str, ...] = ()
    """Indexes of the default partition alone: by these, retention finds old rows."""


LOG = (
    "alter table transition add constraint transition_space_fkey foreign key (space) references space (id)",
    "create index transition_space_id_idx on transition (space, id)",
)
REJECTIONS = (
    "create index rejection_digest_idx on rejection (digest)",
    "create index rejection_received_at_idx on rejection (received_at)",
)
EVENTS = ("create index device_event_dev_eui_heard_at_idx on device_event (dev_eui, heard_at)",)
READINGS = ("create index past_reading_dev_eui_at_idx on past_reading (dev_eui, at)",)
TABLES = (
    Table(
        "transition",
        "at",
        ("alter table transition add constraint transition_pkey primary key (id, at)", *LOG),
        ("alter table transition add constraint transition_pkey primary key (id)", *LOG),
        ("create index transition_default_age_idx on transition_default (at)",),
    ),
    Table(
        "rejection",
        "received_at",
        (
            "alter table rejection add constraint rejection_pkey primary key (id, received_at)",
            *REJECTIONS,
            # A replay looks for the rejections of its devices.
            "create index rejection_dev_eui_idx on rejection (dev_eui)",
        ),
        ("alter table rejection add constraint rejection_pkey primary key (id)", *REJECTIONS),
    ),
    Table(
        "device_event",
        "time",
        ("alter table device_event add constraint device_event_pkey primary key (time, digest)", *EVENTS),
        ("alter table device_event add constraint device_event_pkey primary key (digest)", *EVENTS),
        ("create index device_event_default_age_idx on device_event_default (received_at)",),
    ),
    Table(
        "past_reading",
        "heard_at",
        (
            "alter table past_reading add constraint past_reading_pkey primary key (heard_at, deduplication_id, position)",
            *READINGS,
        ),
        (
            "alter table past_reading add constraint past_reading_pkey primary key (deduplication_id, position)",
            *READINGS,
        ),
    ),
)

# A month gets a partition if it has rows and is no fancy of a wrong clock; at most 123 of them.
MONTHS = """
do $$ declare month timestamp; begin
    for month in
        select distinct date_trunc('month', {column} at time zone 'UTC')
        from {table}
        where {column} >= now() - interval '10 years'
            and {column} < date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' + interval '3 months'
        order by 1
    loop
        execute format(
            'create table {table}_%s partition of {table}_anew for values from (%L) to (%L)',
            to_char(month, 'YYYY_MM'), month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC'
        );
    end loop;
end $$
"""
RIGHTS = """
do $$ declare one record; begin
    for one in select (aclexplode(relacl)).* from pg_class where oid = '{table}'::regclass loop
        execute format(
            'grant %s on {table}_anew to %s%s', one.privilege_type,
            case when one.grantee = 0 then 'public' else one.grantee::regrole::text end,
            case when one.is_grantable then ' with grant option' else '' end
        );
    end loop;
end $$
"""
# Ids go on where they were, also behind rows that are deleted.
NUMBERS = """
do $$ declare next bigint; begin
    select nextval(pg_get_serial_sequence('{table}', 'id')) into next;
    execute format('alter table {table}_anew alter column id restart with %s', next);
end $$
"""


def upgrade() -> None:
    # A past reading lies in the month of its uplink, because its own time comes from the clock of a sensor.
    op.execute("alter table past_reading add column heard_at timestamptz")
    op.execute("""
update past_reading
set heard_at = uplink.heard_at
from uplink
where uplink.dev_eui = past_reading.dev_eui and uplink.deduplication_id = past_reading.deduplication_id
""")
    op.execute("update past_reading set heard_at = at where heard_at is null")
    op.execute("alter table past_reading alter column heard_at set not null")
    for table in TABLES:
        _make_anew(table, is_partitioned=True)
    op.execute("create index uplink_default_age_idx on uplink_default (received_at)")
    # The steps of a space that are not published yet are in the month of this time or later.
    op.execute("alter table space add column published_transition_at timestamptz")
    op.execute("""
update space
set published_transition_at = transition.at
from transition
where transition.space = space.id and transition.id = space.published_transition
""")


def downgrade() -> None:
    op.execute("alter table space drop column published_transition_at")
    op.execute("drop index uplink_default_age_idx")
    for table in TABLES:
        _make_anew(table, is_partitioned=False)
    op.execute("alter table past_reading drop column heard_at")


def _make_anew(table: Table, *, is_partitioned: bool) -> None:
    name, anew = table.name, f"{table.name}_anew"
    op.execute(f"lock table {name} in access exclusive mode")
    scheme = f" partition by range ({table.column})" if is_partitioned else ""
    op.execute(f"create table {anew} (like {name} including all excluding indexes excluding statistics){scheme}")
    if is_partitioned:
        op.execute(f"create table {name}_default partition of {anew} default")
        op.execute(MONTHS.format(table=name, column=table.column))
    op.execute(f"insert into {anew} overriding system value select * from {name}")
    op.execute(RIGHTS.format(table=name))
    has_numbers = name in {"transition", "rejection"}
    if has_numbers:
        op.execute(NUMBERS.format(table=name))
    op.execute(f"drop table {name}")
    op.execute(f"alter table {anew} rename to {name}")
    if has_numbers:
        op.execute(f"alter sequence {anew}_id_seq rename to {name}_id_seq")
    for statement in (*table.partitioned, *table.default) if is_partitioned else table.plain:
        op.execute(statement)
    op.execute(f"analyze {name}")
