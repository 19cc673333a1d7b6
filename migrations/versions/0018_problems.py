"""A device can have several problems, and it is known when a fault was last reported.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
alter table device
    add column problems text[] not null default '{}',
    add column fault_at timestamptz,
    add column tamper_at timestamptz
""")
    op.execute("""
update device
set
    problems = case when problem is null then '{}' else array[problem] end,
    fault_at = case when fault is not null then heard_at end,
    tamper_at = case when tamper then heard_at end
""")
    op.execute("alter table device drop column problem")
    op.execute("alter table device add column problem text generated always as (problems[1]) stored")


def downgrade() -> None:
    op.execute("alter table device drop column problem")
    op.execute("alter table device add column problem text")
    op.execute("update device set problem = 'clock' where problems @> '{clock}'")
    op.execute("alter table device drop column problems, drop column fault_at, drop column tamper_at")
