"""The tables for SQLAlchemy. The migrations make them; a test compares the two.

Names of `uplink`, `space`, `transition`, `rejection` and the view `space_state` are part of the public contract.
"""

from parking_gateway.store.tables.alerts import alert, alert_recipient
from parking_gateway.store.tables.announcements import announcement
from parking_gateway.store.tables.car_park import former_name, site, space, transition, zone
from parking_gateway.store.tables.columns import EUI, TIME, metadata
from parking_gateway.store.tables.devices import (
    codec,
    counter,
    device,
    device_event,
    installation,
    lost,
    past_reading,
    rejection,
    uplink,
)
from parking_gateway.store.tables.downlinks import downlink, indicator, indicator_place
from parking_gateway.store.tables.gateways import broker_session, gateway, request
from parking_gateway.store.tables.history import late, occupancy_hour, offer, past_stay, stale_hour
from parking_gateway.store.tables.observed import observed, truth
from parking_gateway.store.tables.outgoing import notice, outgoing, outgoing_claim
from parking_gateway.store.tables.plans import plan, plan_place
from parking_gateway.store.tables.reservations import reservation

__all__ = [
    "EUI",
    "TIME",
    "alert",
    "alert_recipient",
    "announcement",
    "broker_session",
    "codec",
    "counter",
    "device",
    "device_event",
    "downlink",
    "former_name",
    "gateway",
    "indicator",
    "indicator_place",
    "installation",
    "late",
    "lost",
    "metadata",
    "notice",
    "observed",
    "occupancy_hour",
    "offer",
    "outgoing",
    "outgoing_claim",
    "past_reading",
    "past_stay",
    "plan",
    "plan_place",
    "rejection",
    "request",
    "reservation",
    "site",
    "space",
    "stale_hour",
    "transition",
    "truth",
    "uplink",
    "zone",
]
