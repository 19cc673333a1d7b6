"""What a fleet says, and whether what it tells of that is so: every result is checked against it."""

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
    """As the gateway reads it."""
    one = event.publication
    uplink = chirpstack.parse(one.topic, one.payload, received_at=NOON, limits=LIMITS)
    assert isinstance(uplink, Uplink)
    return uplink


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_the_gateway_reads_what_was_told(form: Form) -> None:
    fleet = Fleet(20, changes=0.3, form=form)
    events = list(fleet.backlog(200))
    occupied: dict[str, bool] = dict.fromkeys(map(dev_eui_of, range(1, 21)), False)
    transitions = 0
    for uplink in map(read, events):
        is_occupied = bool(uplink.data[0] & 1)
        transitions += is_occupied is not occupied[uplink.device.dev_eui]
        occupied[uplink.device.dev_eui] = is_occupied
    told = fleet.told()
    assert (told.uplinks, told.transitions, told.last) == (200, transitions, events[-1])
    assert {dev_eui_of(space) for space in told.occupied} == {eui for eui, now in occupied.items() if now}
    assert told.mean_bytes == sum(len(event.publication.payload) for event in events) / 200


def test_every_uplink_is_younger_than_the_one_before_also_of_the_next_backlog() -> None:
    fleet = Fleet(3, changes=0.1, form="json")
    events = [*fleet.backlog(50), *fleet.backlog(50)]
    times = [read(event).time for event in events]
    assert times == sorted(set(times))
    assert len({event.deduplication_id for event in events}) == 100
    assert fleet.told().first_at == events[0].time


def test_the_same_fleet_says_the_same_every_time() -> None:
    one, other = (
        [
            (event.space, event.deduplication_id, read(event).data)
            for event in Fleet(9, changes=0.5, form="json").backlog(50)
        ]
        for _ in range(2)
    )
    assert one == other


def test_everybody_speaks_once_before_anybody_speaks_again() -> None:
    spaces = [event.space for event in Fleet(10, changes=0, form="json").backlog(20)]
    assert sorted(spaces[:10]) == sorted(spaces[10:]) == list(range(1, 11))


def test_a_fleet_that_said_nothing_has_no_last_word() -> None:
    with pytest.raises(ValueError, match="no last word"):
        Fleet(1, changes=0, form="json").told()


def test_a_share_of_nothing_changes_nothing() -> None:
    fleet = Fleet(5, changes=0, form="json")
    events = list(fleet.backlog(20))
    assert fleet.told().transitions == 0
    assert msgspec.json.decode(events[0].publication.payload)["data"] == "AA=="
