"""What the public columns of the tables mean, for those who read the database with psql or a tool of reports.

Revision ID: 0035
"""

from alembic import op

revision = "0035"
down_revision = "0034"

COMMENTS = {
    "uplink": {
        "": "One row for each frame of a sensor that was recorded, by month of time.",
        "deduplication_id": "The id that ChirpStack gave to the frame; with time, the key.",
        "dev_eui": "The sensor.",
        "time": "The time of the event, and the key of the month. Nearly always heard_at.",
        "received_at": "When the gateway received the event.",
        "f_cnt": "The frame counter of the sensor.",
        "f_port": "The port of the frame.",
        "data": "The payload of the frame.",
        "dr": "The data rate.",
        "confirmed": "Whether the sensor asked for a confirmation.",
        "rssi": "The strongest signal among the LoRaWAN gateways that received it, in dBm.",
        "snr": "The signal-to-noise ratio there, in dB.",
        "gateway_count": "How many LoRaWAN gateways received it.",
        "object": "What a codec of ChirpStack has decoded. Null: there is none.",
        "heard_at": "When the network heard it, by the most credible clock.",
        "dev_addr": "The address of the device, which names its session.",
        "claimed_at": "The time of ChirpStack, where it was not credible.",
        "claimed_by": "The LoRaWAN gateway that this time came from.",
        "codec_id": "The code that read it, a row of codec. Null: none did, or it is not known.",
    },
    "codec": {
        "": "The code that has read frames.",
        "id": "As in uplink.codec_id.",
        "name": "The name of the codec.",
        "version": "A checksum of its files, or the version of its package.",
    },
    "site": {
        "": "The car parks.",
        "id": "As in zone.site_id.",
        "name": "The name, as in topics.",
        "time_zone": "For hours of the day, such as Europe/Berlin.",
        "lat": "The latitude, in degrees.",
        "lon": "The longitude, in degrees.",
    },
    "zone": {
        "": "The parts of a site, such as its levels.",
        "id": "As in space.zone_id.",
        "site_id": "The site.",
        "name": "The name, as in topics.",
        "max_stay": "How long a car may stay, in seconds. Null: there is no limit.",
    },
    "space": {
        "": "The spaces, as they are now.",
        "id": "As in transition.space.",
        "zone_id": "The zone.",
        "name": "The name, as in topics.",
        "state": "FREE, OCCUPIED, RESERVED or MAINTENANCE.",
        "since": "When the state began.",
        "previous": "The state before. Null: it never changed.",
        "cause": "What brought the state about, such as the id of an uplink.",
        "occupancy": "What the sensor last reported: vacant, occupied, or unknown.",
        "contact": "Whether the sensor is heard: live, lost or never.",
        "battery_percent": "The last known level of the battery of its sensor.",
        "version": "It grows with every change that is published.",
        "overstay": "exceeded or acknowledged, while a car stays for longer than it may.",
        "audience": "For whom the space is. Null: for everybody.",
        "purpose": "For which use it is, in words of the operator.",
        "lat": "The latitude, in degrees.",
        "lon": "The longitude, in degrees.",
        "max_stay": "How long a car may stay, in seconds. Null: as in its zone.",
        "tags": "Words of the operator.",
    },
    "transition": {
        "": "The log of all changes of states, by month of at.",
        "id": "Identifies the step.",
        "space": "The id of the space. space_name has the names that it has or had.",
        "from": "The state before.",
        "to": "The state after.",
        "at": "When the step happened.",
        "cause": "What brought it about, such as the id of an uplink.",
        "corrects": "The id of a wrong step that this one replaces.",
        "withdrawn_at": "When it turned out that the step did not happen. Null: it happened.",
    },
    "rejection": {
        "": "Messages that could not be read or recorded, by month of received_at.",
        "id": "Identifies the rejection.",
        "received_at": "When the gateway received the message.",
        "topic": "The topic of the message.",
        "reason": "One word for the reason.",
        "detail": "The reason in a sentence.",
        "payload": "The message, or its beginning.",
        "dev_eui": "The sensor, if it is known.",
        "deduplication_id": "The id of its uplink, if it is known.",
    },
    "notice": {
        "": "What an operator was notified of.",
        "id": "Identifies the notice.",
        "at": "When it happened.",
        "kind": "One word for what happened, such as silent.",
        "site": "The site, if it is about one.",
        "zone": "The zone, if it is about one.",
        "space": "The space, if it is about one.",
        "dev_eui": "The sensor, if it is about one.",
        "details": "More, by kind.",
        "over_at": "When a silence or another lasting trouble was over. Null: it lasts, or cannot last.",
    },
    "space_state": {
        "": "What each space is now, in fewer columns than space_now.",
        "site": "The name of the site.",
        "zone": "The name of the zone.",
        "space": "The name of the space.",
        "state": "FREE, OCCUPIED, RESERVED or MAINTENANCE.",
        "since": "When the state began.",
        "occupancy": "What the sensor last reported: vacant, occupied, or unknown.",
        "contact": "Whether the sensor is heard: live, lost or never.",
        "version": "It grows with every change that is published.",
    },
    "space_name": {
        "site": "The name of the site then.",
        "zone": "The name of the zone then.",
        "name": "The name of the space then.",
    },
}


def upgrade() -> None:
    _comment({name: {column: f"'{text}'" for column, text in one.items()} for name, one in COMMENTS.items()})


def downgrade() -> None:
    _comment({name: dict.fromkeys(columns, "null") for name, columns in COMMENTS.items()})


def _comment(comments: dict[str, dict[str, str]]) -> None:
    for relation, columns in comments.items():
        kind = "view" if relation in ("space_state", "space_name") else "table"
        for column, text in columns.items():
            what = f'column {relation}."{column}"' if column else f"{kind} {relation}"
            op.execute(f"comment on {what} is {text}")
