"""The time that VAVAILABILITY does not list as available is occupied (RFC 7953)."""

from datetime import UTC, datetime

import pytest

from calendars.ics_cases import Times, calendar_of, read, spans, times
from double_booked.recurrence.calendar_times import Window

WEEK = Window(datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 7, tzinfo=UTC))
OFFICE = (
    "DTSTART:20261102T090000Z | DTEND:20261102T170000Z | RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
)


def available(text: str) -> str:
    lines = [line.strip() for line in f"UID:a | {text}".split("|")]
    return "\n".join(["BEGIN:AVAILABLE", *lines, "END:AVAILABLE"])


def availability(text: str, *inside: str, uid: str = "av") -> str:
    lines = [line.strip() for line in f"UID:{uid} | {text}".split("|") if line.strip()]
    return "\n".join(["BEGIN:VAVAILABILITY", *lines, *inside, "END:VAVAILABILITY"])


def occupied(*components: str, window: Window = WEEK, **options: bool) -> Times:
    return times(calendar_of(*components), window, **options)


def test_time_outside_of_available_is_occupied() -> None:
    assert occupied(availability("", available(OFFICE))) == spans(
        "2026-11-30 00:00/09:00, 2026-11-30 17:00/2026-12-01 09:00,"
        "2026-12-01 17:00/2026-12-02 09:00, 2026-12-02 17:00/2026-12-03 09:00,"
        "2026-12-03 17:00/2026-12-04 09:00, 2026-12-04 17:00/2026-12-07 00:00"
    )


CASES = {
    "within DTSTART and DTEND": (
        [availability("DTSTART:20261202T080000Z | DTEND:20261202T180000Z", available(OFFICE))],
        "2026-12-02 08:00/09:00, 2026-12-02 17:00/18:00",
    ),
    "DTSTART and DURATION": (
        [availability("DTSTART:20261202T080000Z | DURATION:PT2H")],
        "2026-12-02 08:00/10:00",
    ),
    "from DTSTART on": (
        [availability("DTSTART:20261206T080000Z")],
        "2026-12-06 08:00/2026-12-07 00:00",
    ),
    "DTSTART after the window": ([availability("DTSTART:20270101T000000Z")], ""),
    "in a zone": (
        [
            availability(
                "DTSTART;TZID=Europe/Berlin:20261202T080000"
                " | DTEND;TZID=Europe/Berlin:20261202T120000",
                available("DTSTART;TZID=Europe/Berlin:20261202T090000 | DURATION:PT1H"),
            )
        ],
        "2026-12-02 07:00/08:00, 2026-12-02 09:00/11:00",
    ),
    "an override of what is available": (
        [
            availability(
                "DTSTART:20261202T000000Z | DTEND:20261203T000000Z",
                available(OFFICE),
                available(
                    "RECURRENCE-ID:20261202T090000Z | DTSTART:20261202T100000Z"
                    " | DTEND:20261202T110000Z"
                ),
            )
        ],
        "2026-12-02 00:00/10:00, 2026-12-02 11:00/2026-12-03 00:00",
    ),
    "a higher priority": (
        [
            availability("PRIORITY:9 | DTSTART:20261202T000000Z | DTEND:20261203T000000Z"),
            availability(
                "PRIORITY:1 | DTSTART:20261202T080000Z | DTEND:20261202T120000Z",
                available("DTSTART:20261202T090000Z | DTEND:20261202T120000Z"),
                uid="trip",
            ),
        ],
        "2026-12-02 00:00/09:00, 2026-12-02 12:00/2026-12-03 00:00",
    ),
}


@pytest.mark.parametrize(("components", "expected"), CASES.values(), ids=CASES)
def test_unavailable_time_is_occupied(components: list[str], expected: str) -> None:
    assert occupied(*components) == spans(expected)


def test_tentative_time_is_free_if_it_is_not_counted() -> None:
    tentative = availability("BUSYTYPE:BUSY-TENTATIVE | DTSTART:20261202T080000Z | DURATION:PT1H")
    assert occupied(tentative) == spans("2026-12-02 08:00/09:00")
    assert occupied(tentative, count_tentative=False) == []


def test_availabilities_of_two_people_are_separate() -> None:
    hours = "DTSTART:20261202T080000Z | DTEND:20261202T100000Z"
    events = read(
        calendar_of(
            availability(f"ORGANIZER:mailto:a@b.c | {hours}"),
            availability(f"ORGANIZER:mailto:D@b.c | {hours}", uid="d"),
        ),
        WEEK,
    ).occurrences
    assert [(event.info.title, event.info.people.present) for event in events] == [
        ("not available", ("a@b.c",)),
        ("not available", ("d@b.c",)),
    ]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (availability("DTSTART:soon"), "line 4: VAVAILABILITY: 'soon' is not a time"),
        (availability("PRIORITY:high"), "line 4: VAVAILABILITY: PRIORITY: 'high' is not a number"),
        (availability("", available("SUMMARY:x")), "line 6: an event without DTSTART"),
        (
            availability("", available(f"{OFFICE} | EXDATE:soon")),
            "line 11: EXDATE: 'soon' is not a time",
        ),
    ],
)
def test_an_unusable_availability_occupies_no_time(broken: str, fault: str) -> None:
    """Otherwise all of its time would be occupied, because the available spans are unknown."""
    calendar = read(calendar_of(broken), WEEK)
    assert not calendar.occurrences
    assert calendar.skipped[0].fault.startswith(fault)
    assert calendar.skipped[-1].title == "not available"
