"""The time of an uplink that is believed gets its own column, and frames of one session are ordered by their counter.

Uplinks whose time is not believed any more are dated by their receipt. Spaces that such times had frozen move again.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"

BELIEVED = "time between received_at - interval '7 days 1 hour' and received_at + interval '1 minute'"

UP = f"""
alter table uplink
    add column heard_at timestamptz,
    add column dev_addr text,
    add column claimed_at timestamptz,
    add column claimed_by text;
drop index uplink_dev_eui_time_idx;
-- An update would leave every row twice on the disk.
alter table uplink
    alter column heard_at type timestamptz using case when {BELIEVED} then time else received_at end,
    alter column claimed_at type timestamptz using case when {BELIEVED} then null else time end;
alter table uplink alter column heard_at set not null;
create index uplink_dev_eui_heard_at_idx on uplink (dev_eui, heard_at);
create index uplink_claimed_idx on uplink (received_at) where claimed_at is not null;

alter table device_event add column heard_at timestamptz;
drop index device_event_dev_eui_time_idx;
alter table device_event
    alter column heard_at type timestamptz using case when {BELIEVED} then time else received_at end;
alter table device_event alter column heard_at set not null;
create index device_event_dev_eui_heard_at_idx on device_event (dev_eui, heard_at);

alter table space
    add column seen_dev_addr text,
    add column battery_dev_addr text,
    add column battery_f_cnt bigint;
update space set seen_at = least(seen_at, now()), heard_at = least(heard_at, now()), battery_at = least(battery_at, now())
where greatest(seen_at, heard_at, battery_at) > now();

alter table device
    add column dev_addr text,
    add column battery_at timestamptz,
    add column battery_dev_addr text,
    add column battery_f_cnt bigint,
    add column problem text;
update device set heard_at = now(), version = version + 1 where heard_at > now();
-- The next uplink of every device is published.
update installation set told = null;
"""

DOWN = """
alter table device
    drop column dev_addr,
    drop column battery_at,
    drop column battery_dev_addr,
    drop column battery_f_cnt,
    drop column problem;
update installation set told = null;
alter table space drop column seen_dev_addr, drop column battery_dev_addr, drop column battery_f_cnt;

drop index device_event_dev_eui_heard_at_idx;
alter table device_event drop column heard_at;
create index device_event_dev_eui_time_idx on device_event (dev_eui, time);

drop index uplink_dev_eui_heard_at_idx, uplink_claimed_idx;
-- The earlier version recognizes a redelivery by the time of ChirpStack.
update uplink set time = claimed_at where claimed_at <> time;
alter table uplink drop column heard_at, drop column dev_addr, drop column claimed_at, drop column claimed_by;
create index uplink_dev_eui_time_idx on uplink (dev_eui, time);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
