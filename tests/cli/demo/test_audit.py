"""The audit finds no difference where there is none, and describes every difference that there can be."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from parking_gateway.cli.demo.audit import AuditReport, audit, report_on, wrong_states, wrong_zones
from parking_gateway.cli.demo.audited_topics import wrong_topics
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.ledger import Ledger, Passed, SentUplink
from parking_gateway.cli.demo.recorded import CountedZone, DatabaseContents, TransitionRow
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.contract.messages import CountsMessage, DeviceMessage, SpaceMessage, publication
from parking_gateway.core.space import Contact, SpaceState
from parking_gateway.register.entries import Place

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARKED, LEFT, DAMAGED, UNASSIGNED, UNCONFIRMED = (UUID(int=number) for number in range(1, 6))
A, B = Place("central", "level-1", "a-001"), Place("central", "level-1", "a-002")
TAKEN, FREE = SpaceState.OCCUPIED, SpaceState.FREE
replace = msgspec.structs.replace


def sent_uplink(one: UUID, place: Place | None, *, minute: int, is_occupied: bool | None) -> SentUplink:
    return SentUplink(
        deduplication_id=one,
        place=place,
        seen_at=NOON + timedelta(minutes=minute),
        f_cnt=minute,
        is_occupied=is_occupied,
        is_damaged=one == DAMAGED,
    )


def the_ledger() -> Ledger:
    """A car parked on A (sent twice) and left; a damaged frame of B, an unassigned sensor, and an unconfirmed uplink of B."""
    ledger = Ledger()
    sent = (
        sent_uplink(PARKED, A, minute=1, is_occupied=True),
        sent_uplink(LEFT, A, minute=2, is_occupied=False),
        sent_uplink(DAMAGED, B, minute=3, is_occupied=None),
        sent_uplink(UNASSIGNED, None, minute=4, is_occupied=True),
        sent_uplink(UNCONFIRMED, B, minute=5, is_occupied=True),
    )
    for one in sent:
        ledger.add_sent(one)
    for one in (*sent[:4], sent[0]):
        ledger.add_confirmed(one)
    return ledger


def space(place: Place, **fields: Any) -> SpaceMessage:
    never_changed: dict[str, Any] = {
        "state": FREE,
        "since": NOON,
        "previous": None,
        "occupancy": "unknown",
        "contact": Contact.NEVER,
        "cause": None,
        "version": 1,
    }
    return SpaceMessage(
        site=place.site,
        zone=place.zone,
        space=place.space,
        reserved_until=None,
        reservation=None,
        maintenance_reason=None,
        battery_percent=None,
        updated=NOON,
        **(never_changed | fields),
    )


def step(number: int, *, before: SpaceState, after: SpaceState, cause: UUID) -> TransitionRow:
    at = NOON + timedelta(minutes=number)
    return TransitionRow(id=number, place=A, before=before, after=after, at=at, cause=str(cause), is_published=True)


STEPS = [step(1, before=FREE, after=TAKEN, cause=PARKED), step(2, before=TAKEN, after=FREE, cause=LEFT)]
SPACE_A = space(
    A,
    since=NOON + timedelta(minutes=2),
    previous=TAKEN,
    occupancy="vacant",
    contact=Contact.LIVE,
    cause=str(LEFT),
    version=3,
)
DEVICE = DeviceMessage(
    dev_eui="02dec0de00000001",
    name="one",
    contact=Contact.LIVE,
    last_heard=NOON,
    battery_percent=None,
    battery_volts=None,
    rssi=-90,
    snr=1.0,
    codec="bosch_tps110_v029",
    site=A.site,
    zone=A.zone,
    space=A.space,
)
CONTENTS = DatabaseContents(
    rows={PARKED: 1, LEFT: 1, DAMAGED: 1, UNASSIGNED: 1},
    rejections={DAMAGED: 1},
    rejected=1,
    zones=[(A.site, A.zone)],
    spaces=[SPACE_A, space(B)],
    devices=[DEVICE],
    steps=STEPS,
)
COUNTS = CountsMessage(
    site="central", total=2, free=2, occupied=0, reserved=0, maintenance=0, unreachable=1, occupancy=0.0, capacity=2
)


def the_retained() -> dict[str, bytes]:
    messages = (SPACE_A, space(B), replace(COUNTS, zone="level-1"), COUNTS, replace(DEVICE, last_heard=None, rssi=-80))
    published = (publication(ROOT, message) for message in messages)
    return {one.topic: one.payload for one in published} | {f"{ROOT}/gateways/demo": b'{"status":"online"}'}


def the_report(**changes: Any) -> AuditReport:
    return report_on(the_ledger(), replace(CONTENTS, **changes), the_retained())


def test_where_everything_agrees_no_difference_is_found() -> None:
    assert the_report() == AuditReport(
        uplinks=4,
        recorded=4,
        duplicates=1,
        rejected=1,
        transitions=2,
        published=8,
        lost=0,
        differences=(),
    )


def test_an_unconfirmed_uplink_may_be_in_the_database() -> None:
    """The broker may have received it and died before it confirmed it. Then the space has to have its occupancy."""
    rows = {**CONTENTS.rows, UNCONFIRMED: 1}
    (difference,) = the_report(rows=rows).differences
    assert difference == f"{B} is unknown, and its newest uplink is occupied"


def test_a_lost_uplink_is_counted_and_named() -> None:
    report = the_report(rows={PARKED: 1, DAMAGED: 1, LEFT: 1})
    assert (report.lost, report.recorded, report.uplinks) == (1, 3, 4)
    assert report.differences == (
        f"lost: the broker confirmed the uplink {UNASSIGNED}, and the database does not have it",
    )


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"rows": CONTENTS.rows | {PARKED: 2}}, "duplicated"),
        ({"rows": CONTENTS.rows | {UUID(int=99): 1}}, "which was not sent"),
        ({"rejections": {}}, f"{DAMAGED} has 0 rejections, and should have 1"),
        ({"rejections": {DAMAGED: 2}}, f"{DAMAGED} has 2 rejections, and should have 1"),
        ({"rejections": {DAMAGED: 1, LEFT: 1}}, f"{LEFT} has 1 rejections, and should have 0"),
        ({"spaces": [replace(SPACE_A, occupancy="occupied"), space(B)]}, "its newest uplink is vacant"),
        ({"spaces": [space(B)], "steps": []}, f"{A} is not in the database"),
        ({"steps": STEPS[:1]}, f"{A} is FREE, and its log ends with OCCUPIED"),
        ({"steps": []}, f"{A} is FREE after OCCUPIED, and its log is empty"),
        ({"steps": STEPS[1:]}, "begins at OCCUPIED, where the log has reached FREE"),
        ({"steps": [STEPS[0], replace(STEPS[1], after=SpaceState.RESERVED)]}, "from OCCUPIED to RESERVED is not legal"),
        ({"steps": [replace(STEPS[1], at=NOON), STEPS[0]]}, "begins at OCCUPIED, where the log has reached FREE"),
        ({"steps": [replace(STEPS[0], is_withdrawn=True), STEPS[1]]}, "begins at OCCUPIED"),
        ({"counted": {(A.site, A.zone): CountedZone(capacity=9, count=1, drift=0)}}, "has 1 cars, and its counter 0"),
        ({"steps": [STEPS[0], replace(STEPS[1], cause="another")]}, "differs from its last transition"),
        ({"spaces": [SPACE_A, replace(space(B), version=2)]}, f"{B} has version 1, and the database 2"),
        ({"spaces": [SPACE_A]}, f"zones/{A.site}/{A.zone} has total 2, and the database 1"),
        ({"zones": [(A.site, A.zone), (A.site, "level-2")]}, f"zones/{A.site}/level-2 is not retained"),
        ({"devices": []}, "is retained, and the database has no row for it"),
        ({"devices": [replace(DEVICE, contact=Contact.LOST)]}, "has contact live, and the database lost"),
    ],
)
def test_every_wrong_row_is_found(changes: dict[str, Any], found: str) -> None:
    assert any(found in difference for difference in the_report(**changes).differences)


def test_a_step_that_was_withdrawn_leads_nowhere() -> None:
    wrong = replace(step(3, before=FREE, after=TAKEN, cause=LEFT), is_withdrawn=True)
    assert the_report(steps=[*STEPS, wrong]).differences == ()


def test_people_decide_the_state_with_the_sensor() -> None:
    ledger = the_ledger()
    ledger.out_of_service.add(A)
    ledger.reserved.add(B)
    assert list(wrong_states(ledger, CONTENTS)) == [
        f"{A} is FREE, and its occupancy and the requests for it give MAINTENANCE",
        f"{B} is FREE, and its occupancy and the requests for it give RESERVED",
    ]
    spaces = [replace(SPACE_A, state=SpaceState.MAINTENANCE), replace(space(B), state=SpaceState.RESERVED)]
    assert list(wrong_states(ledger, replace(CONTENTS, spaces=spaces))) == []
    assert len(list(wrong_states(the_ledger(), replace(CONTENTS, spaces=spaces)))) == 2


def test_states_are_not_compared_where_a_visitor_of_the_board_has_changed_some() -> None:
    closed = replace(CONTENTS.spaces[1], state=SpaceState.MAINTENANCE)
    expected = f"{B} is MAINTENANCE, and its occupancy and the requests for it give FREE"
    assert expected in the_report(spaces=[SPACE_A, closed]).differences
    assert expected not in the_report(spaces=[SPACE_A, closed], orders=1).differences


def test_a_lamp_shows_the_state_of_its_space() -> None:
    ledger = the_ledger()
    ledger.lamps[A] = "OCCUPIED"
    assert list(wrong_states(ledger, CONTENTS)) == [f"the lamp of {A} shows OCCUPIED, and the space is FREE"]
    ledger.lamps[A] = "FREE"
    assert list(wrong_states(ledger, CONTENTS)) == []


def test_a_counted_zone_is_compared_with_the_totals_of_its_counter() -> None:
    ledger, zone = the_ledger(), ("central", "yard")
    for minute, came, left in ((7, 9, 4), (6, 2, 1)):
        passed = Passed(zone=zone, came=came, left=left)
        ledger.add_sent(replace(sent_uplink(UUID(int=minute), None, minute=minute, is_occupied=None), passed=passed))
    contents = replace(
        CONTENTS,
        rows={UUID(int=6): 1, UUID(int=7): 1},
        zones=[*CONTENTS.zones, zone],
        counted={zone: CountedZone(capacity=40, count=4, drift=0)},
    )
    assert list(wrong_zones(ledger, contents)) == []
    yard = replace(
        COUNTS,
        zone="yard",
        total=40,
        free=36,
        occupied=4,
        unreachable=0,
        occupancy=0.1,
        capacity=40,
        source="counter",
        drift=0,
    )
    site = replace(COUNTS, total=42, free=38, occupied=4, occupancy=4 / 42, capacity=42)
    retained = the_retained() | {one.topic: one.payload for one in (publication(ROOT, yard), publication(ROOT, site))}
    assert list(wrong_topics(contents, retained, ROOT)) == []


async def test_uplinks_that_no_gateway_takes_from_the_broker_are_lost(broker: Broker, database: str) -> None:
    """Real servers, and no gateway between them: the audit gives up after its patience, and counts them as lost."""
    ledger = the_ledger()
    patience = timedelta(seconds=0.3)
    report = await audit(ledger=ledger, broker_url=broker.url, database_url=database, patience=patience)
    assert (report.uplinks, report.recorded, report.lost, report.published) == (4, 0, 4, 0)
    assert len(report.differences) == 4


def _without(retained: dict[str, bytes]) -> None:
    del retained[f"{ROOT}/spaces/{A}"]


def _unreadable(retained: dict[str, bytes]) -> None:
    retained[f"{ROOT}/sites/central"] = b'{"site": "central"}'


def _unknown(retained: dict[str, bytes]) -> None:
    retained[f"{ROOT}/spaces/central/level-1/a-009"] = b"{}"


def _retained_step(retained: dict[str, bytes]) -> None:
    retained[f"{ROOT}/transitions/{A}"] = b"{}"


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (_without, f"spaces/{A} is not retained"),
        (_unreadable, "sites/central does not follow the contract"),
        (_unknown, "a-009 is retained, and the database has no row for it"),
        (_retained_step, f"transitions/{A} is retained, and the database has no row for it"),
    ],
)
def test_every_wrong_retained_topic_is_found(spoil: Callable[[dict[str, bytes]], None], found: str) -> None:
    retained = the_retained()
    spoil(retained)
    (difference,) = report_on(the_ledger(), CONTENTS, retained).differences
    assert found in difference


def test_counts_are_counted_from_the_spaces() -> None:
    retained = the_retained()
    topic = f"{ROOT}/zones/central/level-1"
    retained[topic] = publication(ROOT, replace(COUNTS, zone="level-1", free=1, occupied=1, occupancy=0.5)).payload
    found = Counter(
        difference.removeprefix(f"{topic} has ")
        for difference in report_on(the_ledger(), CONTENTS, retained).differences
    )
    assert found == Counter(
        [
            "free 1, and the database 2",
            "occupied 1, and the database 0",
            "occupancy 0.5, and the database 0.0",
        ]
    )
