"""The first schema: the car park, its devices, and their uplinks.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

# `space` and `device` rows are written again with every heartbeat: room on the page keeps those writes from touching
# an index (HOT updates).
UP = """
create table site (
    id bigint generated always as identity,
    name text not null,
    version bigint default '1' not null,
    published_version bigint default '0' not null,
    constraint site_pkey primary key (id),
    constraint site_name_key unique (name)
);

create table zone (
    id bigint generated always as identity,
    site_id bigint not null,
    name text not null,
    version bigint default '1' not null,
    published_version bigint default '0' not null,
    constraint zone_pkey primary key (id),
    constraint zone_site_id_name_key unique (site_id, name),
    constraint zone_site_id_fkey foreign key(site_id) references site (id)
);

create table space (
    id bigint generated always as identity,
    zone_id bigint not null,
    name text not null,
    state text default 'FREE' not null,
    since timestamptz default now() not null,
    previous text,
    cause text,
    occupancy text,
    seen_at timestamptz,
    seen_f_cnt bigint default '0' not null,
    contact text default 'never' not null,
    heard_at timestamptz,
    reservation text,
    reserved_from timestamptz,
    reserved_until timestamptz,
    service text default 'in_service' not null,
    service_at timestamptz,
    maintenance_reason text,
    battery_percent integer,
    battery_at timestamptz,
    updated_at timestamptz default now() not null,
    version bigint default '1' not null,
    published_version bigint default '0' not null,
    published_transition bigint default '0' not null,
    constraint space_pkey primary key (id),
    constraint space_zone_id_name_key unique (zone_id, name),
    constraint space_occupancy check (occupancy in ('vacant', 'occupied')),
    constraint space_contact check (contact in ('never', 'live', 'lost')),
    constraint space_state check (state = case when service = 'maintenance' then 'MAINTENANCE' when occupancy = 'occupied' then 'OCCUPIED' when reservation is not null then 'RESERVED' else 'FREE' end),
    constraint space_service check (service in ('in_service', 'maintenance')),
    constraint space_zone_id_fkey foreign key(zone_id) references zone (id)
) with (fillfactor = 70);

create table device (
    dev_eui text not null,
    name text default '' not null,
    profile text default '' not null,
    application text default '' not null,
    tags jsonb default '{}' not null,
    contact text default 'never' not null,
    heard_at timestamptz,
    f_cnt bigint,
    dr smallint,
    rssi integer,
    snr real,
    codec text,
    battery_percent integer,
    battery_volts real,
    temperature_celsius real,
    distance_mm integer,
    counter bigint,
    confidence real,
    fault text,
    tamper boolean,
    margin_db integer,
    external_power boolean,
    joined_at timestamptz,
    last_error text,
    last_error_at timestamptz,
    announced_at timestamptz,
    version bigint default '1' not null,
    published_version bigint default '0' not null,
    constraint device_pkey primary key (dev_eui),
    constraint device_dev_eui check (dev_eui ~ '^[0-9a-f]{16}$')
) with (fillfactor = 70);

create table installation (
    dev_eui text not null,
    channel integer default '0' not null,
    space_id bigint not null,
    codec text,
    options jsonb default '{}' not null,
    constraint installation_pkey primary key (dev_eui, channel),
    constraint installation_dev_eui_fkey foreign key(dev_eui) references device (dev_eui),
    constraint installation_space_id_fkey foreign key(space_id) references space (id)
);

create index installation_space_id_idx on installation (space_id);

create table uplink (
    deduplication_id uuid not null,
    dev_eui text not null,
    time timestamptz not null,
    received_at timestamptz not null,
    f_cnt bigint not null,
    f_port smallint not null,
    data bytea not null,
    dr smallint,
    confirmed boolean not null,
    rssi integer,
    snr real,
    gateway_count integer not null,
    object jsonb,
    constraint uplink_pkey primary key (time, deduplication_id)
) partition by range (time);

create index uplink_dev_eui_time_idx on uplink (dev_eui, time);

create table past_reading (
    deduplication_id uuid not null,
    position smallint not null,
    dev_eui text not null,
    at timestamptz not null,
    occupancy text,
    distance_mm integer,
    counter bigint,
    temperature_celsius real,
    battery_percent real,
    battery_volts real,
    constraint past_reading_pkey primary key (deduplication_id, position),
    constraint past_reading_occupancy check (occupancy in ('vacant', 'occupied'))
);

create index past_reading_dev_eui_at_idx on past_reading (dev_eui, at);

create table device_event (
    digest uuid not null,
    dev_eui text not null,
    time timestamptz not null,
    received_at timestamptz not null,
    kind text not null,
    level text,
    code text,
    description text,
    deduplication_id uuid,
    details jsonb default '{}' not null,
    constraint device_event_pkey primary key (digest)
);

create index device_event_dev_eui_time_idx on device_event (dev_eui, time);

create table transition (
    id bigint generated always as identity,
    space bigint not null,
    "from" text not null,
    "to" text not null,
    at timestamptz not null,
    cause text not null,
    constraint transition_pkey primary key (id),
    constraint transition_legal check ("from" = 'FREE' and "to" in ('MAINTENANCE', 'OCCUPIED', 'RESERVED') or "from" = 'OCCUPIED' and "to" in ('FREE', 'MAINTENANCE') or "from" = 'RESERVED' and "to" in ('FREE', 'MAINTENANCE', 'OCCUPIED') or "from" = 'MAINTENANCE' and "to" in ('FREE')),
    constraint transition_space_fkey foreign key(space) references space (id)
);

create index transition_space_id_idx on transition (space, id);

create table rejection (
    id bigint generated always as identity,
    received_at timestamptz not null,
    topic text not null,
    reason text not null,
    detail text not null,
    payload bytea not null,
    dev_eui text,
    deduplication_id uuid,
    digest uuid not null,
    constraint rejection_pkey primary key (id)
);

create index rejection_digest_idx on rejection (digest);
create index rejection_received_at_idx on rejection (received_at);

create table uplink_default partition of uplink default;

create view space_state as
select
    site.name as site,
    zone.name as zone,
    space.name as space,
    space.state,
    space.since,
    coalesce(space.occupancy, 'unknown') as occupancy,
    space.contact,
    space.version
from space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id;
"""

DOWN = """
drop view space_state;
drop table rejection, transition, device_event, past_reading, uplink, installation, device, space, zone, site;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
