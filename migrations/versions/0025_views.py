"""Views for people: what is there now, what was, and the hours of each zone.

Revision ID: 0025
"""

from alembic import op

revision = "0025"
down_revision = "0024"

VIEWS = {
    "space_now": """
select
    site.name as site, zone.name as zone, space.name as space, space.state, space.since,
    coalesce(space.occupancy, 'unknown') as occupancy, space.contact, space.audience, sensor.dev_eui, sensor.codec,
    space.battery_percent, space.heard_at as last_heard
from space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
left join lateral (
    select installation.dev_eui, coalesce(installation.codec, device.codec) as codec
    from installation
    join device on device.dev_eui = installation.dev_eui
    where installation.space_id = space.id
    order by installation.dev_eui, installation.channel
    limit 1
) as sensor on true
""",
    "sensor": """
select
    device.dev_eui, device.name, device.profile, device.application, coalesce(place.codec, device.codec) as codec, place.site,
    place.zone, place.space, device.contact, device.heard_at as last_heard, device.battery_percent, device.battery_volts,
    device.rssi, device.snr, device.problem
from device
left join lateral (
    select installation.codec, site.name as site, zone.name as zone, space.name as space
    from installation
    join space on space.id = installation.space_id
    join zone on zone.id = space.zone_id
    join site on site.id = zone.site_id
    where installation.dev_eui = device.dev_eui
    order by installation.channel
    limit 1
) as place on true
""",
    "step": """
select
    named.site, named.zone, named.name as space, transition."from" as from_state, transition."to" as to_state, transition.at,
    transition.cause
from transition
join space_name as named on
    named.space = transition.space and named.since <= transition.at and transition.at < named.until
where transition.withdrawn_at is null
""",
    "stay": """
select
    named.site, named.zone, named.name as space, stay.arrived_at, stay.departed_at,
    round(extract(epoch from stay.departed_at - stay.arrived_at))::bigint as seconds, stay.overstay, stay.reservation
from (
    select space, arrived_at, departed_at, overstay, reservation
    from past_stay
    where withdrawn_at is null and departed_at is not null
    union all
    select id, arrived_at, null, overstay is not null, arrived_for
    from space
    where arrived_at is not null
) as stay
join space_name as named on
    named.space = stay.space and named.since <= stay.arrived_at and stay.arrived_at < named.until
""",
    "occupancy_hourly": """
select
    site, zone, hour, spaces, occupied_seconds,
    case when spaces = 0 then 0 else least(1, occupied_seconds / (spaces * seconds)) end as occupancy, arrivals,
    departures, case when departures > 0 then round(stay_seconds / departures)::bigint end as mean_stay_seconds
from occupancy_hour
""",
}
COMMENTS = {
    "space_now": {
        "": "What each space is now.",
        "site": "The name of the site.",
        "zone": "The name of the zone.",
        "space": "The name of the space.",
        "state": "FREE, OCCUPIED, RESERVED or MAINTENANCE.",
        "since": "When the state began.",
        "occupancy": "What the sensor last reported: vacant, occupied, or unknown.",
        "contact": "Whether the sensor is heard: live, lost or never.",
        "audience": "For whom the space is. Null: for everybody.",
        "dev_eui": "The sensor; of several the first one. Null: none.",
        "codec": "The codec that decodes its frames.",
        "battery_percent": "The last known level of the battery.",
        "last_heard": "When a sensor of the space was last heard.",
    },
    "sensor": {
        "": "Each device that was ever heard or assigned. Values are those of its last publication.",
        "dev_eui": "16 hexadecimal digits.",
        "name": "The name in ChirpStack.",
        "profile": "The device profile in ChirpStack.",
        "application": "The application in ChirpStack.",
        "codec": "The codec that decodes its frames.",
        "site": "The site of the space that it watches. Null: none.",
        "zone": "The zone of the space.",
        "space": "The space; of several the one of the first channel.",
        "contact": "live, lost or never.",
        "last_heard": "When it was heard, at most publication.device_interval ago if it is live.",
        "battery_percent": "The last known level of the battery.",
        "battery_volts": "The last known voltage of the battery.",
        "rssi": "dBm, at the LoRaWAN gateway with the best reception.",
        "snr": "dB, at the same LoRaWAN gateway.",
        "problem": "The gravest problem. Null: there is none.",
    },
    "step": {
        "": "Each step of the state of a space that happened, with the names that the space had then.",
        "site": "The name of the site.",
        "zone": "The name of the zone.",
        "space": "The name of the space.",
        "from_state": "The state before.",
        "to_state": "The state afterwards.",
        "at": "When it happened.",
        "cause": "The deduplication id of an uplink, or who or what else changed the state.",
    },
    "stay": {
        "": "Each stay of a car, with the names that the space had when it came.",
        "site": "The name of the site.",
        "zone": "The name of the zone.",
        "space": "The name of the space.",
        "arrived_at": "When the car came.",
        "departed_at": "When it left. Null: it is still there.",
        "seconds": "Between the two. Null: it is still there.",
        "overstay": "Whether it stayed for longer than it might.",
        "reservation": "The reservation that held when it came. Null: none.",
    },
    "occupancy_hourly": {
        "": "Each hour of each zone. The present hour is a minute old at most.",
        "site": "The name of the site.",
        "zone": "The name of the zone.",
        "hour": "The beginning of the hour, in UTC.",
        "spaces": "The spaces of the zone when the hour was counted.",
        "occupied_seconds": "The seconds with a car, of all spaces together.",
        "occupancy": "The same as a part of the whole: 0 to 1.",
        "arrivals": "Cars that came.",
        "departures": "Cars that left.",
        "mean_stay_seconds": "The mean length of the stays that ended. Null: none did.",
    },
}


def upgrade() -> None:
    op.execute("""
create table occupancy_hour (
    site text not null,
    zone text not null,
    hour timestamptz not null,
    seconds double precision not null,
    spaces bigint not null,
    occupied_seconds double precision not null,
    arrivals bigint not null,
    departures bigint not null,
    stay_seconds double precision not null,
    primary key (hour, site, zone)
)""")
    op.execute(
        "create table stale_hour (id bigint generated always as identity primary key, since timestamptz not null)"
    )
    for view, query in VIEWS.items():
        op.execute(f"create view {view} as {query}")
        for column, comment in COMMENTS[view].items():
            what = f"column {view}.{column}" if column else f"view {view}"
            op.execute(f"comment on {what} is '{comment}'")


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"drop view {view}")
    op.execute("drop table stale_hour, occupancy_hour")
