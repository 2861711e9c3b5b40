"""The newest copy of an event counts, and different events with one UID all count."""

from datetime import UTC, datetime

import pytest

from calendars.ics_cases import BERLIN, calendar_of, read, vevent
from double_booked.calendars.revisions import Revision, supersedes

WEEKLY = (
    "UID:s | DTSTART:20260302T090000Z | DURATION:PT1H | SUMMARY:week | RRULE:FREQ=WEEKLY;COUNT=4"
)
MOVED = (
    "UID:s | RECURRENCE-ID:20260309T090000Z | DTSTART:20260310T090000Z | DURATION:PT1H"
    " | SUMMARY:moved"
)


def days(*events: str, more: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    """Return the day in March and the title of each event."""
    occurrences = read(calendar_of(*more, *map(vevent, events))).occurrences
    return sorted((event.start.astimezone(BERLIN).day, event.info.title) for event in occurrences)


def test_an_older_override_counts_if_the_series_has_its_time() -> None:
    assert days(f"{WEEKLY} | SEQUENCE:2", f"{MOVED} | SEQUENCE:1") == [
        (2, "week"),
        (10, "moved"),
        (16, "week"),
        (23, "week"),
    ]


@pytest.mark.parametrize(
    "newer",
    [
        f"{WEEKLY} | SEQUENCE:2 | EXDATE:20260309T090000Z",
        f"{WEEKLY.replace('COUNT=4', 'COUNT=1')} | SEQUENCE:2",
        f"{WEEKLY.replace('20260302', '20260303')} | SEQUENCE:2",
    ],
    ids=["excludes it", "ends before it", "is moved"],
)
def test_an_older_override_is_dropped_if_the_series_lacks_its_time(newer: str) -> None:
    assert "moved" not in [title for _, title in days(newer, f"{MOVED} | SEQUENCE:1")]


@pytest.mark.parametrize("sequence", [2, 3])
def test_an_override_as_new_as_its_series_always_counts(sequence: int) -> None:
    excluding = f"{WEEKLY} | SEQUENCE:2 | EXDATE:20260309T090000Z"
    assert (10, "moved") in days(excluding, f"{MOVED} | SEQUENCE:{sequence}")


def test_a_day_that_a_newer_series_excludes_is_not_overridden() -> None:
    series = "UID:d | DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=WEEKLY;COUNT=2 | SEQUENCE:2"
    moved = "UID:d | RECURRENCE-ID;VALUE=DATE:20260309 | DTSTART;VALUE=DATE:20260310 | SEQUENCE:1"
    assert days(f"{series} | EXDATE;VALUE=DATE:20260309", moved) == [(2, "")]
    assert days(series, moved) == [(2, ""), (10, "")]


@pytest.mark.parametrize("older", ["SEQUENCE:1", "DTSTAMP:20260101T000000Z", "COMMENT:as new"])
def test_the_overrides_of_a_cancelled_series_are_dropped(older: str) -> None:
    cancelled = f"{WEEKLY} | STATUS:CANCELLED | SEQUENCE:1 | DTSTAMP:20260201T000000Z"
    if older == "COMMENT:as new":
        older = "SEQUENCE:1 | DTSTAMP:20260201T000000Z"
    assert days(cancelled, f"{MOVED} | {older}") == []


def test_an_override_newer_than_the_cancellation_of_its_series_counts() -> None:
    cancelled = f"{WEEKLY} | STATUS:CANCELLED | SEQUENCE:1"
    assert days(cancelled, f"{MOVED} | SEQUENCE:2") == [(10, "moved")]


def test_a_transparent_series_is_not_cancelled() -> None:
    free = f"{WEEKLY} | TRANSP:TRANSPARENT | SEQUENCE:2"
    assert days(free, f"{MOVED} | SEQUENCE:1") == [(10, "moved")]


def test_the_newest_override_of_a_time_counts() -> None:
    newer = MOVED.replace("20260310", "20260311")
    assert (11, "moved") in days(WEEKLY, f"{newer} | SEQUENCE:2", f"{MOVED} | SEQUENCE:1")
    in_other_zone = newer.replace(":20260309T090000Z", ";TZID=Europe/Berlin:20260309T100000")
    dated = days(WEEKLY, f"{in_other_zone} | SEQUENCE:2", f"{MOVED} | SEQUENCE:1")
    assert [day for day, title in dated if title == "moved"] == [11]


def test_a_higher_sequence_cancels() -> None:
    assert days(f"{WEEKLY} | SEQUENCE:1", f"{WEEKLY} | SEQUENCE:2 | STATUS:CANCELLED") == []
    assert len(days(f"{WEEKLY} | SEQUENCE:2", f"{WEEKLY} | SEQUENCE:1 | STATUS:CANCELLED")) == 4


def test_a_cancel_message_occupies_no_time() -> None:
    assert days(WEEKLY, more=("METHOD:CANCEL",)) == []


CHOIR = "UID:1 | SUMMARY:Choir | DTSTART:20260303T180000Z"
CHESS = "UID:1 | SUMMARY:Chess | DTSTART:20260304T180000Z"


@pytest.mark.parametrize(
    "other",
    [
        CHESS,
        f"{CHESS} | DTSTAMP:20260301T120000Z",
        CHESS.replace("Chess", "Choir"),
        CHESS.replace("20260304", "20260303"),
    ],
    ids=["start and title", "start, title and DTSTAMP", "start", "title"],
)
def test_different_events_with_one_uid_are_all_read(other: str) -> None:
    assert len(days(CHOIR, other)) == 2


def test_different_events_with_one_uid_are_noted_and_renamed() -> None:
    calendar = read(calendar_of(vevent(CHOIR), vevent(CHESS)))
    assert len({event.info.uid for event in calendar.occurrences}) == 2
    [note] = calendar.notes
    assert note.startswith("line 9: ")


def test_events_with_one_uid_written_together_are_different() -> None:
    later = "UID:1 | SUMMARY:Choir | DTSTART:20260304T180000Z | DTSTAMP:20260101T000050Z"
    assert len(days(f"{CHOIR} | DTSTAMP:20260101T000000Z", later)) == 2
    assert len(days(f"{CHOIR} | DTSTAMP:20260101T000000Z", later.replace("T00", "T01"))) == 1


def test_overrides_belong_to_the_series_among_events_with_one_uid() -> None:
    other = "UID:s | SUMMARY:other | DTSTART:20260305T180000Z"
    assert days(other, WEEKLY, MOVED) == [
        (2, "week"),
        (5, "other"),
        (10, "moved"),
        (16, "week"),
        (23, "week"),
    ]


def test_thousands_of_events_with_one_uid_are_read_quickly() -> None:
    events = [
        f"UID:1 | SUMMARY:{number} | DTSTART:2026{month:02}{day:02}T{hour:02}0000Z"
        for month in range(1, 13)
        for day in range(1, 29)
        for number, hour in enumerate(range(24))
    ]
    assert len(read(calendar_of(*map(vevent, events))).occurrences) == len(events)


def test_an_invalid_sequence_is_read_as_0_and_noted() -> None:
    calendar = read(calendar_of(vevent(f"{CHOIR} | SEQUENCE:second")))
    assert len(calendar.occurrences) == 1
    assert calendar.notes == ("line 8: SEQUENCE 'second' is not a number, so it is read as 0",)


def test_a_cancellation_is_newer_at_the_same_sequence() -> None:
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    event = Revision(1, stamp, start="20260303T180000Z", title="Choir")
    cancelled = Revision(1, stamp, is_cancelled=True, start="20260303T180000Z", title="Choir")
    assert supersedes(cancelled, event)
    assert not supersedes(event, cancelled)
    renamed = Revision(1, stamp, is_cancelled=True, start="", title="Cancelled: Choir")
    assert supersedes(renamed, event)
