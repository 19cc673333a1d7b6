"""What a gateway has to remember of its broker: the last marker that was confirmed, and its session's subscriptions.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("create table gateway (instance text primary key, confirmed bigint not null default 0)")
    # Written with every page that is confirmed: with room on the page, without touching any index.
    op.execute("alter table gateway set (fillfactor = 10)")
    op.execute("create table broker_session (client_id text primary key, filters text[] not null)")


def downgrade() -> None:
    op.execute("drop table broker_session")
    op.execute("drop table gateway")
