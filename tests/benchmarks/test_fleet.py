"""The events of a fleet, and the outcome with which every result is compared."""

import msgspec
import pytest

from benchmarks.car_park import dev_eui_of
from benchmarks.events import Form
from benchmarks.fleet import Event, Fleet
from parking_gateway import chirpstack
from parking_gateway.core.events import Uplink
from tests.benchmarks.drains import NOON

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=16)


def read(event: Event) -> Uplink:
    """Decode the event as the gateway does."""
    one = event.publication
    uplink = chirpstack.parse(one.topic, one.payload, received_at=NOON, limits=LIMITS)
    assert isinstance(uplink, Uplink)
    return uplink


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_the_gateway_decodes_the_events_of_a_fleet(form: Form) -> None:
    fleet = Fleet(20, changes=0.3, form=form)
    events = list(fleet.backlog(200))
    occupied: dict[str, bool] = dict.fromkeys(map(dev_eui_of, range(1, 21)), False)
    transitions = 0
    for uplink in map(read, events):
        is_occupied = bool(uplink.data[0] & 1)
        transitions += is_occupied is not occupied[uplink.device.dev_eui]
        occupied[uplink.device.dev_eui] = is_occupied
    expected = fleet.outcome()
    assert (expected.uplinks, expected.transitions, expected.last) == (200, transitions, events[-1])
    assert {dev_eui_of(space) for space in expected.occupied} == {eui for eui, now in occupied.items() if now}
    assert expected.mean_bytes == sum(len(event.publication.payload) for event in events) / 200


def test_every_uplink_is_younger_than_the_one_before_also_of_the_next_backlog() -> None:
    fleet = Fleet(3, changes=0.1, form="json")
    events = [*fleet.backlog(50), *fleet.backlog(50)]
    times = [read(event).time for event in events]
    assert times == sorted(set(times))
    assert len({event.deduplication_id for event in events}) == 100
    assert fleet.outcome().first_at == events[0].time


def test_the_same_fleet_sends_the_same_every_time() -> None:
    one, other = (
        [
            (event.space, event.deduplication_id, read(event).data)
            for event in Fleet(9, changes=0.5, form="json").backlog(50)
        ]
        for _ in range(2)
    )
    assert one == other


def test_every_sensor_sends_once_before_any_sends_again() -> None:
    spaces = [event.space for event in Fleet(10, changes=0, form="json").backlog(20)]
    assert sorted(spaces[:10]) == sorted(spaces[10:]) == list(range(1, 11))


def test_a_fleet_without_uplinks_has_no_outcome() -> None:
    with pytest.raises(ValueError, match="not sent an uplink"):
        Fleet(1, changes=0, form="json").outcome()


def test_a_share_of_nothing_changes_nothing() -> None:
    fleet = Fleet(5, changes=0, form="json")
    events = list(fleet.backlog(20))
    assert fleet.outcome().transitions == 0
    assert msgspec.json.decode(events[0].publication.payload)["data"] == "AA=="
