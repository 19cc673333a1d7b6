"""iCalendar files: recurring and moved events, whole days, local times, summer time, and files that are none."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.register.calendar_files import Calendar, Event, read, write
from parking_gateway.store.reservations import ListedReservation

NOW = datetime(2026, 10, 20, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


def file_of(*events: str) -> bytes:
    """A file with these events, each given by its lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().split(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def found(content: bytes, *, days: int = 30) -> Calendar:
    calendar = read(content, zone=MADRID, now=NOW, until=NOW + timedelta(days=days))
    assert isinstance(calendar, Calendar), calendar
    return calendar


def times(calendar: Calendar) -> list[tuple[str, str]]:
    """Start and end of each event, in UTC."""
    return [(f"{one.start:%m-%d %H:%M}", f"{one.end:%m-%d %H:%M}") for one in calendar.events]


def test_a_recurring_event_is_expanded_by_the_local_clock() -> None:
    """Summer time ends on 25 October: the same local hour is one hour later in UTC. A floating time is local."""
    calendar = found(
        file_of("""
            UID:a DTSTART:20261023T080000 DTEND:20261023T093000 RRULE:FREQ=DAILY;COUNT=5 EXDATE:20261024T080000
        """)
    )
    assert times(calendar) == [
        ("10-23 06:00", "10-23 07:30"),
        ("10-25 07:00", "10-25 08:30"),
        ("10-26 07:00", "10-26 08:30"),
        ("10-27 07:00", "10-27 08:30"),
    ]
    assert len({(one.uid, one.recurrence) for one in calendar.events}) == 4


def test_a_moved_recurrence_keeps_its_identity() -> None:
    series = "UID:a DTSTART:20261021T080000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=3"
    moved = "UID:a RECURRENCE-ID:20261022T080000Z DTSTART:20261022T150000Z DURATION:PT2H"
    before, after = found(file_of(series)), found(file_of(series, moved))
    assert {one.recurrence for one in before.events} == {one.recurrence for one in after.events}
    assert times(after)[1] == ("10-22 15:00", "10-22 17:00")


def test_an_event_that_does_not_recur_has_the_same_identity_at_another_time() -> None:
    one = found(file_of("UID:a DTSTART:20261021T080000Z DURATION:PT1H")).events[0]
    other = found(file_of("UID:a DTSTART:20261025T110000Z DURATION:PT1H")).events[0]
    assert (one.uid, one.recurrence) == (other.uid, other.recurrence) == ("a", "")


def test_a_whole_day_is_a_local_day_which_may_have_25_hours() -> None:
    calendar = found(file_of("UID:a DTSTART;VALUE=DATE:20261025 DTEND;VALUE=DATE:20261026"))
    assert times(calendar) == [("10-24 22:00", "10-25 23:00")]


def test_only_events_of_the_horizon_count_and_one_that_has_begun_is_one() -> None:
    calendar = found(
        file_of(
            "UID:past DTSTART:20261019T080000Z DTEND:20261020T000000Z",
            "UID:begun DTSTART:20261019T080000Z DTEND:20261020T000001Z",
            "UID:for-ever DTSTART:20200101T120000Z DURATION:PT1H RRULE:FREQ=DAILY",
            "UID:far DTSTART:20270101T120000Z DURATION:PT1H",
        ),
        days=2,
    )
    assert [one.uid for one in calendar.events] == ["begun", "for-ever", "for-ever"]


def test_cancelled_events_and_free_time_reserve_nothing() -> None:
    calendar = found(
        file_of(
            "UID:a DTSTART:20261021T080000Z DURATION:PT1H STATUS:CANCELLED",
            "UID:b DTSTART:20261021T080000Z DURATION:PT1H TRANSP:TRANSPARENT RRULE:FREQ=DAILY",
        )
    )
    assert calendar == Calendar()


def test_an_event_that_can_reserve_nothing_is_named() -> None:
    calendar = found(
        file_of(
            "UID:a DTSTART:20261021T080000Z",
            "DTSTART:20261022T080000Z DURATION:PT1H",
            f"UID:{'x' * 1001} DTSTART:20261023T080000Z DURATION:PT1H",
        )
    )
    assert calendar.left_out == (
        "the event of 2026-10-21 08:00 UTC (a) has no duration",
        "the event of 2026-10-22 08:00 UTC has no UID, or a too long one",
        "the event of 2026-10-23 08:00 UTC has no UID, or a too long one",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it contains no VCALENDAR"),
        (b"id,start,end\n", "it cannot be read as iCalendar: "),
        (b"\xff\xfe", "it cannot be read as iCalendar: "),
        (file_of("UID:a"), "it cannot be read as iCalendar: "),
        (file_of("UID:a DTSTART:noon DURATION:PT1H"), "it cannot be read as iCalendar: "),
        (file_of("UID:a DTSTART:20261021T080000Z DURATION:PT1S RRULE:FREQ=HOURLY"), "it has more than 50 events"),
        (file_of("UID:a DTSTART:20261021T080000Z RRULE:FREQ=HOURLY"), "it has more than 50 events"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    refusal = read(content, zone=MADRID, now=NOW, until=NOW + timedelta(days=30), most=50)
    assert isinstance(refusal, str)
    assert refusal.startswith(sentence)


reservations = st.builds(
    ListedReservation,
    reservation=st.integers(1, 10**9).map(str),
    site=st.just("central"),
    zone=st.just("level-1"),
    space=st.sampled_from(["A-1", "A-2"]),
    start=st.integers(1, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    end=st.integers(10_001, 20_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    status=st.sampled_from(sorted(set(ReservationStatus) - {ReservationStatus.CANCELLED})),
    holder=st.text("aä,;\\\"' ", min_size=1, max_size=80).filter(str.strip),
    note=st.none() | st.text("bö,;:", min_size=1),
    by=st.just("anna"),
    request_id=st.none(),
    checked_in_at=st.none(),
    ended_at=st.none(),
    why=st.none(),
)


@settings(max_examples=15)
@given(st.lists(reservations, max_size=5, unique_by=lambda one: one.reservation))
def test_an_exported_file_can_be_imported(listed: list[ListedReservation]) -> None:
    calendar = found(write(listed, now=NOW))
    expected = [
        Event(
            uid=f"reservation-{one.reservation}@parking-gateway",
            recurrence="",
            start=one.start,
            end=one.end,
            summary=one.holder,
            description=one.note,
        )
        for one in listed
    ]
    assert sorted(calendar.events, key=lambda one: one.uid) == sorted(expected, key=lambda one: one.uid)
