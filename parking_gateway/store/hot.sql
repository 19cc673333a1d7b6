-- The statements of every batch and of every publication, in the order of their execution.
--
-- Each has a name and a sentence. A parameter is written :'name', so that psql executes a statement as it stands here after
-- begin and \set name '{…}'. The gateway sends an array for each column of a batch; PostgreSQL unfolds the arrays into rows.

-- enter_uplinks: Waits for an import that is under way, so that lock_spaces finds its installations.
lock table only uplink in row exclusive mode;

-- lock_spaces: Reads and locks the spaces of installed devices by id, so that several gateways wait and never deadlock.
select
    -- A frame that is dated after now was dated by a wrong clock, and counts as the oldest: else its space would wait for that day.
    installation.dev_eui, installation.channel, installation.codec, installation.options::text as options_text,
    installation.snapshot::text as snapshot_text, space.ctid::text as row,
    space.id, space.since, space.occupancy,
    case when space.seen_at > now() + :'step_back'::interval then 'epoch' else space.seen_at end as seen_at,
    space.seen_dev_addr, space.seen_f_cnt, space.contact,
    case when space.heard_at > now() + :'step_back'::interval then 'epoch' else space.heard_at end as heard_at,
    case
        when
            space.reservation is not null or space.service <> 'in_service' or space.overstay is not null
            or space.sensors is not null or installation.observe_left is not null
        then
            json_build_array(
                case
                    when space.reservation is not null then
                        json_build_array(
                            space.reservation, space.reserved_from, space.reserved_until, space.reserved_checked_in,
                            space.reserved_kept
                        )
                end,
                space.service, space.maintenance_reason, space.maintenance_until, space.overstay, space.sensors,
                installation.observe_left
            )::text
    end as special_text,
    space.service_at, space.offered_at, space.battery_percent,
    case when space.battery_at > now() + :'step_back'::interval then 'epoch' else space.battery_at end as battery_at,
    space.battery_dev_addr, space.battery_f_cnt, space.previous, space.cause, space.version
from installation
join space on space.id = installation.space_id
where installation.dev_eui in (select unnest(:'dev_eui'::text[]))
order by space.id, installation.dev_eui, installation.channel
for no key update of space;

-- find_uplinks: Finds those of these uplinks that are recorded already.
-- Lateral with a limit, so that no plan scans the whole table.
select batch.deduplication_id
from (select unnest(:'deduplication_id'::uuid[]) as deduplication_id, unnest(:'time'::timestamptz[]) as time) as batch
cross join lateral (
    select from uplink where uplink.time = batch.time and uplink.deduplication_id = batch.deduplication_id limit 1
) as found;

-- lock_spaces_by_id: The same of given spaces, whether or not a device is installed there.
select
    space.ctid::text as row,
    space.id, space.since, space.occupancy,
    case when space.seen_at > now() + :'step_back'::interval then 'epoch' else space.seen_at end as seen_at,
    space.seen_dev_addr, space.seen_f_cnt, space.contact,
    case when space.heard_at > now() + :'step_back'::interval then 'epoch' else space.heard_at end as heard_at,
    case
        when
            space.reservation is not null or space.service <> 'in_service' or space.overstay is not null
            or space.sensors is not null
        then
            json_build_array(
                case
                    when space.reservation is not null then
                        json_build_array(
                            space.reservation, space.reserved_from, space.reserved_until, space.reserved_checked_in,
                            space.reserved_kept
                        )
                end,
                space.service, space.maintenance_reason, space.maintenance_until, space.overstay, space.sensors,
                null
            )::text
    end as special_text,
    space.service_at, space.offered_at, space.battery_percent,
    case when space.battery_at > now() + :'step_back'::interval then 'epoch' else space.battery_at end as battery_at,
    space.battery_dev_addr, space.battery_f_cnt, space.previous, space.cause, space.version
from space
where space.id in (select unnest(:'id'::bigint[]))
order by space.id
for no key update of space;

-- read_snapshots: Reads the published values of live devices that have no installation.
select
    dev_eui,
    json_build_array(
        heard_at, name, profile, application, tags, codec, battery_percent, fault, tamper, dev_addr, coalesce(f_cnt, 0)
    )::text as snapshot_text
from device
where dev_eui in (select unnest(:'dev_eui'::text[])) and contact = 'live';

-- add_uplinks: Inserts uplinks that are new; one that is recorded already is an error.
-- To look for such a row with every uplink would cost PostgreSQL 1.5 µs. After the error, find_uplinks looks.
insert into uplink (
    deduplication_id, dev_eui, time, received_at, f_cnt, f_port, data, dr, confirmed, rssi, snr, gateway_count, object,
    heard_at, dev_addr, codec_id, claimed_at, claimed_by
)
select
    deduplication_id, dev_eui, time, coalesce(received_at, :'received_at'::timestamptz), f_cnt, f_port,
    decode(data, 'base64'), dr, confirmed, rssi, snr, gateway_count, object, coalesce(heard_at, time), dev_addr, codec_id,
    claimed_at, claimed_by
from (
    select
        unnest(:'deduplication_id'::uuid[]) as deduplication_id, unnest(:'dev_eui'::text[]) as dev_eui,
        unnest(:'time'::timestamptz[]) as time, unnest(:'f_cnt'::bigint[]) as f_cnt, unnest(:'f_port'::smallint[]) as f_port,
        unnest(:'data'::text[]) as data, unnest(:'dr'::smallint[]) as dr, unnest(:'confirmed'::boolean[]) as confirmed,
        unnest(:'rssi'::integer[]) as rssi, unnest(:'snr'::real[]) as snr, unnest(:'gateway_count'::integer[]) as gateway_count,
        unnest(:'object'::jsonb[]) as object, unnest(:'dev_addr'::text[]) as dev_addr,
        unnest(:'codec_id'::smallint[]) as codec_id, unnest(:'receipts'::timestamptz[]) as received_at,
        unnest(:'heard_at'::timestamptz[]) as heard_at, unnest(:'claimed_at'::timestamptz[]) as claimed_at,
        unnest(:'claimed_by'::text[]) as claimed_by
) as batch;

-- end_stays: Appends the stays that ended, and publishes them. The row of a space, which is written later, has the arrival.
with ended as (
    insert into past_stay (space, arrived_at, departed_at, arrival, departure, reservation, overstay)
    select
        space.id, stay.arrived_at, greatest(batch.departed_at, stay.arrived_at), stay.arrival, batch.departure,
        stay.reservation, batch.arrived_at is null and space.overstay is not null
    from (
        select
            unnest(:'number'::integer[]) as number, unnest(:'row'::tid[]) as row,
            unnest(:'departed_at'::timestamptz[]) as departed_at, unnest(:'departure'::text[]) as departure,
            unnest(:'arrived_at'::timestamptz[]) as arrived_at, unnest(:'arrival'::text[]) as arrival,
            unnest(:'reservation'::text[]) as reservation
    ) as batch
    join space on space.ctid = batch.row
    cross join lateral (
        select
            coalesce(batch.arrived_at, space.arrived_at) as arrived_at, coalesce(batch.arrival, space.arrival) as arrival,
            case when batch.arrived_at is null then space.arrived_for else batch.reservation end as reservation
    ) as stay
    where stay.arrived_at is not null
    order by batch.number
    returning id, space, arrived_at, departed_at, overstay, reservation
)
insert into outgoing (site, zone, space, body, expires_at)
select
    site.name, zone.name, space.name,
    json_build_object(
        'type', 'session', 'space', ended.space, 'id', ended.id, 'arrived_at', ended.arrived_at,
        'departed_at', ended.departed_at, 'is_overstay', ended.overstay, 'reservation', ended.reservation
    ),
    now() + :'kept'::interval
from ended
join space on space.id = ended.space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
order by ended.id;

-- save_clocks: Writes the clocks of spaces without a change. A locked row is found by its place (ctid), without index.
-- An absent heard_at is seen_at, as nearly always: to read both would cost 0.3 µs a space.
update space
set seen_at = batch.seen_at, seen_f_cnt = batch.seen_f_cnt, heard_at = coalesce(batch.heard_at, batch.seen_at)
from (
    select
        unnest(:'row'::tid[]) as row, unnest(:'seen_at'::timestamptz[]) as seen_at,
        unnest(:'seen_f_cnt'::bigint[]) as seen_f_cnt, unnest(:'heard_at'::timestamptz[]) as heard_at
) as batch
where space.ctid = batch.row;

-- save_battery_clocks: The same for spaces that also got the same battery again.
update space
set
    seen_at = batch.seen_at, seen_f_cnt = batch.seen_f_cnt, heard_at = coalesce(batch.heard_at, batch.seen_at),
    battery_at = batch.battery_at, battery_f_cnt = batch.battery_f_cnt
from (
    select
        unnest(:'row'::tid[]) as row, unnest(:'seen_at'::timestamptz[]) as seen_at,
        unnest(:'seen_f_cnt'::bigint[]) as seen_f_cnt, unnest(:'heard_at'::timestamptz[]) as heard_at,
        unnest(:'battery_at'::timestamptz[]) as battery_at, unnest(:'battery_f_cnt'::bigint[]) as battery_f_cnt
) as batch
where space.ctid = batch.row;

-- save_changes: Writes the spaces that changed.
update space
set
    state = batch.state, since = batch.since, previous = batch.previous, cause = batch.cause, occupancy = batch.occupancy,
    seen_at = batch.seen_at, seen_dev_addr = batch.seen_dev_addr, seen_f_cnt = batch.seen_f_cnt, contact = batch.contact,
    heard_at = batch.heard_at, reservation = batch.reservation, reserved_from = batch.reserved_from,
    reserved_until = batch.reserved_until, reserved_checked_in = batch.reserved_checked_in,
    reserved_kept = batch.reserved_kept, service = batch.service, service_at = batch.service_at,
    maintenance_reason = batch.maintenance_reason, battery_percent = batch.battery_percent, battery_at = batch.battery_at,
    battery_dev_addr = batch.battery_dev_addr, battery_f_cnt = batch.battery_f_cnt, version = batch.version,
    overstay = batch.overstay, sensors = batch.sensors, maintenance_until = batch.maintenance_until,
    offered_at = batch.offered_at,
    arrived_at = case when batch.occupancy = 'occupied' then coalesce(batch.arrived_at, space.arrived_at) end,
    arrival = case when batch.occupancy = 'occupied' then coalesce(batch.arrival, space.arrival) end,
    arrived_for = case
        when batch.occupancy = 'occupied'
        then case when batch.arrived_at is null then space.arrived_for else batch.arrived_for end
    end,
    -- Without a new version nothing is published, and `updated` of the retained message would differ from the row for ever.
    updated_at = case when space.version = batch.version then space.updated_at else :'updated_at'::timestamptz end
from (
    select
        unnest(:'row'::tid[]) as row, unnest(:'state'::text[]) as state, unnest(:'since'::timestamptz[]) as since,
        unnest(:'previous'::text[]) as previous, unnest(:'cause'::text[]) as cause, unnest(:'occupancy'::text[]) as occupancy,
        unnest(:'seen_at'::timestamptz[]) as seen_at, unnest(:'seen_dev_addr'::text[]) as seen_dev_addr,
        unnest(:'seen_f_cnt'::bigint[]) as seen_f_cnt, unnest(:'contact'::text[]) as contact,
        unnest(:'heard_at'::timestamptz[]) as heard_at, unnest(:'reservation'::text[]) as reservation,
        unnest(:'reserved_from'::timestamptz[]) as reserved_from, unnest(:'reserved_until'::timestamptz[]) as reserved_until,
        unnest(:'reserved_checked_in'::boolean[]) as reserved_checked_in, unnest(:'reserved_kept'::boolean[]) as reserved_kept,
        unnest(:'service'::text[]) as service, unnest(:'service_at'::timestamptz[]) as service_at,
        unnest(:'maintenance_reason'::text[]) as maintenance_reason, unnest(:'battery_percent'::integer[]) as battery_percent,
        unnest(:'battery_at'::timestamptz[]) as battery_at, unnest(:'battery_dev_addr'::text[]) as battery_dev_addr,
        unnest(:'battery_f_cnt'::bigint[]) as battery_f_cnt, unnest(:'version'::bigint[]) as version,
        unnest(:'overstay'::text[]) as overstay, unnest(:'sensors'::jsonb[]) as sensors,
        unnest(:'maintenance_until'::timestamptz[]) as maintenance_until, unnest(:'offered_at'::timestamptz[]) as offered_at,
        unnest(:'arrived_at'::timestamptz[]) as arrived_at, unnest(:'arrival'::text[]) as arrival,
        unnest(:'arrived_for'::text[]) as arrived_for
) as batch
where space.ctid = batch.row;

-- update_devices: Writes the devices that are published, and adds new ones, unless an uplink came late; a null changes nothing.
insert into device (
    dev_eui, contact, name, profile, application, application_id, tags, heard_at, dev_addr, f_cnt, dr, rssi, snr, codec,
    battery_volts, temperature_celsius, distance_mm, counter, counter_in, counter_out, channels, confidence, fault, tamper,
    fault_at, tamper_at, battery_percent, battery_at, battery_dev_addr, battery_f_cnt
)
select
    dev_eui, 'live', name, profile, application, application_id, tags, heard_at, dev_addr, f_cnt, dr, rssi, snr, codec,
    battery_volts, temperature_celsius, distance_mm, counter, counter_in, counter_out, channels, confidence, fault, tamper,
    case when fault is not null then heard_at end, case when tamper then heard_at end, battery_percent, battery_at,
    battery_dev_addr, battery_f_cnt
from (
    select
        unnest(:'dev_eui'::text[]) as dev_eui, unnest(:'name'::text[]) as name, unnest(:'profile'::text[]) as profile,
        unnest(:'application'::text[]) as application, unnest(:'application_id'::text[]) as application_id,
        unnest(:'tags'::jsonb[]) as tags, unnest(:'heard_at'::timestamptz[]) as heard_at,
        unnest(:'dev_addr'::text[]) as dev_addr, unnest(:'f_cnt'::bigint[]) as f_cnt, unnest(:'dr'::smallint[]) as dr,
        unnest(:'rssi'::integer[]) as rssi, unnest(:'snr'::real[]) as snr, unnest(:'codec'::text[]) as codec,
        unnest(:'battery_volts'::real[]) as battery_volts, unnest(:'temperature_celsius'::real[]) as temperature_celsius,
        unnest(:'distance_mm'::integer[]) as distance_mm, unnest(:'counter'::bigint[]) as counter,
        unnest(:'counter_in'::bigint[]) as counter_in, unnest(:'counter_out'::bigint[]) as counter_out,
        unnest(:'channels'::jsonb[]) as channels, unnest(:'confidence'::real[]) as confidence,
        unnest(:'fault'::text[]) as fault, unnest(:'tamper'::boolean[]) as tamper,
        unnest(:'battery_percent'::integer[]) as battery_percent, unnest(:'battery_at'::timestamptz[]) as battery_at,
        unnest(:'battery_dev_addr'::text[]) as battery_dev_addr, unnest(:'battery_f_cnt'::bigint[]) as battery_f_cnt
) as batch
where not exists (
    -- A later frame: within a session the counter decides, else the clock. An hour has fewer frames than the limit.
    select
    from (
        select heard_at, dev_addr, f_cnt
        from uplink
        where
            uplink.dev_eui = batch.dev_eui and uplink.heard_at >= batch.heard_at - :'step_back'::interval
            and uplink.heard_at <= now() + :'step_back'::interval
        order by uplink.heard_at desc
        limit 1000
    ) as recent
    where
        case
            when recent.dev_addr = batch.dev_addr
                and recent.f_cnt between batch.f_cnt - :'counters_apart'::bigint and batch.f_cnt + :'counters_apart'::bigint
                and recent.heard_at
                    between batch.heard_at - :'step_back'::interval and batch.heard_at + :'step_back'::interval
            then (recent.f_cnt, recent.heard_at) > (batch.f_cnt, batch.heard_at)
            else (recent.heard_at, recent.f_cnt) > (batch.heard_at, batch.f_cnt)
        end
)
order by dev_eui
on conflict (dev_eui) do update
set
    contact = excluded.contact, name = excluded.name, profile = excluded.profile, application = excluded.application,
    application_id = coalesce(excluded.application_id, device.application_id),
    tags = excluded.tags, heard_at = excluded.heard_at, dev_addr = excluded.dev_addr, f_cnt = excluded.f_cnt,
    dr = excluded.dr, rssi = excluded.rssi, snr = excluded.snr, codec = coalesce(excluded.codec, device.codec),
    battery_volts = coalesce(excluded.battery_volts, device.battery_volts),
    temperature_celsius = coalesce(excluded.temperature_celsius, device.temperature_celsius),
    -- A sensor that cannot measure has no distance, not the last one.
    distance_mm = case
        when excluded.fault is not null or excluded.tamper then excluded.distance_mm
        else coalesce(excluded.distance_mm, device.distance_mm)
    end,
    counter = coalesce(excluded.counter, device.counter),
    counter_in = coalesce(excluded.counter_in, device.counter_in),
    counter_out = coalesce(excluded.counter_out, device.counter_out),
    channels = case
        when excluded.channels is null then device.channels
        else coalesce(device.channels, '{}') || excluded.channels
    end,
    confidence = coalesce(excluded.confidence, device.confidence), fault = coalesce(excluded.fault, device.fault),
    tamper = coalesce(excluded.tamper, device.tamper),
    fault_at = case when excluded.fault is null then device.fault_at else excluded.heard_at end,
    tamper_at = case when excluded.tamper then excluded.heard_at else device.tamper_at end,
    (battery_percent, battery_at, battery_dev_addr, battery_f_cnt) = (
        select
            case when is_kept then device.battery_percent else excluded.battery_percent end,
            case when is_kept then device.battery_at else excluded.battery_at end,
            case when is_kept then device.battery_dev_addr else excluded.battery_dev_addr end,
            case when is_kept then device.battery_f_cnt else excluded.battery_f_cnt end
        from (
            -- The later battery, by the same order of frames; of two at one time the higher.
            select
                excluded.battery_percent is null
                or device.battery_at <= now() + :'step_back'::interval
                and (
                    case
                        when device.battery_dev_addr = excluded.battery_dev_addr
                            and device.battery_f_cnt
                                between excluded.battery_f_cnt - :'counters_apart'::bigint
                                and excluded.battery_f_cnt + :'counters_apart'::bigint
                            and device.battery_at
                                between excluded.battery_at - :'step_back'::interval
                                and excluded.battery_at + :'step_back'::interval
                        then
                            (device.battery_f_cnt, device.battery_at) > (excluded.battery_f_cnt, excluded.battery_at)
                        else (device.battery_at, device.battery_f_cnt) > (excluded.battery_at, excluded.battery_f_cnt)
                    end
                    or excluded.battery_at = device.battery_at and excluded.battery_percent < device.battery_percent
                ) as is_kept
        ) as known
    ),
    problems = array_remove(array_remove(device.problems, 'silent'), 'clock'), version = device.version + 1;

-- copy_snapshots: Copies the published values of devices to their installations, with the battery of the device's row.
update installation
set
    snapshot = jsonb_set(
        batch.snapshot::jsonb, :'place_of_battery'::text[], coalesce(to_jsonb(device.battery_percent), 'null')
    )::json
from
    (
        select
            unnest(:'dev_eui'::text[]) as dev_eui, unnest(:'heard_at'::timestamptz[]) as heard_at,
            unnest(:'snapshot'::json[]) as snapshot
    ) as batch,
    device
-- Unless the uplink came late and changed nothing.
where
    installation.dev_eui = batch.dev_eui and device.dev_eui = batch.dev_eui and device.heard_at = batch.heard_at;

-- append_steps: Appends steps to the log. Ids are given in the order of the batch, so that a space's log reads by id.
insert into transition (space, "from", "to", at, cause)
select space, "from", "to", at, cause
from (
    select
        unnest(:'number'::integer[]) as number, unnest(:'space'::bigint[]) as space, unnest(:'from'::text[]) as "from",
        unnest(:'to'::text[]) as "to", unnest(:'at'::timestamptz[]) as at, unnest(:'cause'::text[]) as cause
) as batch
order by number;

-- append_offers: Appends what is offered from a time on, where that changed.
insert into offer (space, at, service, reservation, cause)
select space, at, service, reservation, cause
from (
    select
        unnest(:'number'::integer[]) as number, unnest(:'space'::bigint[]) as space, unnest(:'at'::timestamptz[]) as at,
        unnest(:'service'::text[]) as service, unnest(:'reservation'::text[]) as reservation, unnest(:'cause'::text[]) as cause
) as batch
order by number;

-- note_late: Notes the parts of the history of locked spaces that late observations may change.
insert into late (space, since, until)
select space, since, until
from (
    select
        unnest(:'space'::bigint[]) as space, unnest(:'since'::timestamptz[]) as since, unnest(:'until'::timestamptz[]) as until
) as batch
on conflict (space) do update
set since = least(late.since, excluded.since), until = greatest(late.until, excluded.until);

-- read_changed_spaces: Reads those of the given spaces whose version the broker has not confirmed, by id.
select
    space.id, space.version, space.published_version, site.name as site_name, zone.name as zone_name,
    space.name as space_name, space.state, space.since, space.previous, space.occupancy, space.contact, space.reserved_until, space.reservation,
    space.maintenance_reason, space.battery_percent, space.cause, space.updated_at,
    space.state = 'OCCUPIED' and space.reservation is not null and not space.reserved_checked_in as is_pending,
    space.maintenance_until,
    space.audience, space.overstay is not distinct from 'exceeded' as is_overstay
from space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
where space.version <> space.published_version and space.id in (select unnest(:'id'::bigint[]))
order by space.id;

-- read_steps: Reads the unpublished steps of spaces. Their months alone are read, by the time of the last published step.
-- Lateral, because a first plan on a new database would scan the whole log.
select step.space, step.id, step."from", step."to", step.at, step.cause, step.corrects, step.withdrawn_at is not null
from space
join lateral (
    select
        transition.space, transition.id, transition."from", transition."to", transition.at, transition.cause,
        transition.corrects, transition.withdrawn_at
    from transition
    where
        transition.space = space.id and transition.id > space.published_transition
        and transition.at >= coalesce(space.published_transition_at, '-infinity')
    order by transition.id
    limit :'limit'::bigint
) as step on true
where space.id in (select unnest(:'id'::bigint[]))
order by step.id
limit :'limit'::bigint;

-- confirm_spaces: Writes which version of spaces the broker has. If another gateway published one meanwhile, it is due again.
with locked as (
    select
        space.id, batch.version, batch.published_version, batch.published_transition, batch.published_transition_at
    from space
    join (
        select
            unnest(:'id'::bigint[]) as id, unnest(:'version'::bigint[]) as version,
            unnest(:'published_version'::bigint[]) as published_version,
            unnest(:'published_transition'::bigint[]) as published_transition,
            unnest(:'published_transition_at'::timestamptz[]) as published_transition_at
    ) as batch on batch.id = space.id
    order by space.id
    for no key update of space
)
update space
set
    published_version = case
        when space.published_version = locked.published_version then locked.version
        -- No space has had it before. A 0 would look unchanged to a third gateway.
        else -(pg_current_xact_id()::text::bigint)
    end,
    published_transition = greatest(space.published_transition, locked.published_transition),
    published_transition_at = case
        -- Where the space has changed meanwhile, its past may have been corrected: the new steps may be earlier than this one.
        when locked.published_transition > space.published_transition and locked.version = space.version
        then locked.published_transition_at
        else space.published_transition_at
    end
from locked
where space.id = locked.id
returning space.id, space.version <> space.published_version as is_due;

-- recount_zones: Makes the zones of spaces due, so that they are counted again.
with touched as (
    select id
    from zone
    where id in (select space.zone_id from space where space.id in (select unnest(:'id'::bigint[])))
    order by id
    for no key update
)
update zone
set version = zone.version + 1
from touched
where zone.id = touched.id;

-- recount_sites: Makes the sites of spaces due, so that they are counted again.
with touched as (
    select id
    from site
    where id in (
        select zone.site_id
        from zone
        join space on space.zone_id = zone.id
        where space.id in (select unnest(:'id'::bigint[]))
    )
    order by id
    for no key update
)
update site
set version = site.version + 1
from touched
where site.id = touched.id;


-- send_outgoing: Writes messages that are published once, with the names that their spaces have now. Notices are also kept, and get alerts.
with sent as (
    insert into outgoing (site, zone, space, body, expires_at, retry_at)
    select
        site.name, zone.name, space.name, batch.body,
        coalesce((batch.body ->> 'expires_at')::timestamptz, now() + :'kept'::interval),
        (batch.body ->> 'not_before')::timestamptz
    from json_array_elements(:'bodies'::json) with ordinality as batch (body, number)
    left join space on space.id = (batch.body ->> 'space')::bigint
    left join zone on zone.id = space.zone_id
    left join site on site.id = zone.site_id
    order by batch.number
    returning id, site, zone, space, body
), kept as (
    insert into notice (id, at, kind, site, zone, space, dev_eui, details)
    select
        id, (body ->> 'at')::timestamptz, body ->> 'kind', site, zone, space, body ->> 'dev_eui',
        coalesce((body ->> 'details')::jsonb, '{}')
    from sent
    where body ->> 'type' = 'notice'
    returning id, kind
)
insert into alert (recipient, notice)
select alert_recipient.name, kept.id
from kept
join alert_recipient on kept.kind = any (alert_recipient.kinds);
