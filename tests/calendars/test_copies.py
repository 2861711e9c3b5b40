"""The newest copy of an event counts, and occupies the calendars of all copies."""

from pathlib import Path

import pytest

from calendars.ics_cases import ALL, BERLIN, calendar_of, vevent
from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.merging import MergedEvents, merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions

MEETING = "UID:m | DTSTART:20260302T090000Z | DURATION:PT1H"
LATER = "UID:m | DTSTART:20260302T140000Z | DURATION:PT1H"
WEEKLY = "UID:s | DTSTART:20260302T090000Z | DURATION:PT1H | RRULE:FREQ=WEEKLY;COUNT=3"
MOVED = "UID:s | RECURRENCE-ID:20260309T090000Z | DTSTART:20260310T090000Z | DURATION:PT1H"


def calendar(*events: str, method: str = "") -> bytes:
    return calendar_of(*([f"METHOD:{method}"] if method else []), *map(vevent, events))


def merged(folder: Path, *calendars: bytes, by: str = "file") -> MergedEvents:
    options = ReadOptions(CalendarOptions(ALL, BERLIN), by=by)
    sources = []
    for name, content in zip("abc", calendars, strict=False):
        path = folder / f"{name}.ics"
        path.write_bytes(content)
        sources.append(read_file(str(path), name, options))
    return merge_files(sources, ConflictOptions())


def summaries(folder: Path, *calendars: bytes, by: str = "file") -> list[str]:
    """Return the day, the hour and the resources of each event, like "2T09 ab"."""
    events = merged(folder, *calendars, by=by).request.events
    return sorted(
        f"{event.start.ToJsonString()[8:13]} {''.join(sorted(event.resources))}" for event in events
    )


@pytest.mark.parametrize(
    "newer", ["SEQUENCE:1", "DTSTAMP:20260201T000000Z", "LAST-MODIFIED:20260201T000000Z"]
)
def test_the_newest_copy_counts_and_occupies_all_calendars(tmp_path: Path, newer: str) -> None:
    older, new = calendar(MEETING), calendar(f"{LATER} | {newer}")
    assert summaries(tmp_path, older, new) == ["02T14 ab"]
    assert summaries(tmp_path, new, older) == ["02T14 ab"]
    assert merged(tmp_path, older, new).older == 1


def test_the_newest_copy_determines_the_attendees(tmp_path: Path) -> None:
    older = calendar(f"{MEETING} | ATTENDEE:mailto:x@y")
    newer = calendar(f"{LATER} | SEQUENCE:1 | ATTENDEE:mailto:z@y")
    assert summaries(tmp_path, older, newer, by="attendee") == ["02T14 z@y"]


def test_copies_at_the_same_time_are_one_event(tmp_path: Path) -> None:
    newer = calendar(f"{MEETING} | SEQUENCE:3 | DTSTAMP:20260201T000000Z")
    assert summaries(tmp_path, calendar(MEETING), newer) == ["02T09 ab"]


def test_a_newer_copy_that_is_free_in_its_calendar_occupies_others(
    tmp_path: Path,
) -> None:
    free = calendar(f"{MEETING} | SEQUENCE:3 | TRANSP:TRANSPARENT")
    assert summaries(tmp_path, calendar(MEETING), free) == ["02T09 a"]


def test_equally_new_copies_all_stay(tmp_path: Path) -> None:
    assert summaries(tmp_path, calendar(MEETING), calendar(LATER)) == ["02T09 a", "02T14 b"]


def test_different_events_with_one_uid_all_stay(tmp_path: Path) -> None:
    choir = calendar(f"{MEETING} | SUMMARY:Choir | DTSTAMP:20260101T000000Z")
    chess = calendar(f"{LATER} | SUMMARY:Chess | DTSTAMP:20260201T000000Z")
    assert summaries(tmp_path, choir, chess) == ["02T09 a", "02T14 b"]


@pytest.mark.parametrize("start", ["", " | DTSTART:20260302T090000Z"])
@pytest.mark.parametrize("sequence", [1, 2])
def test_a_cancel_message_cancels_in_all_calendars(
    tmp_path: Path, start: str, sequence: int
) -> None:
    cancel = calendar(f"UID:m | SEQUENCE:{sequence}{start}", method="CANCEL")
    assert summaries(tmp_path, calendar(f"{MEETING} | SEQUENCE:1"), cancel) == []
    assert summaries(tmp_path, calendar(f"{MEETING} | SEQUENCE:3"), cancel) == ["02T09 a"]


def test_status_cancelled_with_a_higher_sequence_cancels_in_all_calendars(
    tmp_path: Path,
) -> None:
    cancelled = calendar(f"{MEETING} | SEQUENCE:1 | STATUS:CANCELLED")
    assert summaries(tmp_path, calendar(MEETING), cancelled) == []


def test_a_cancellation_in_another_calendar_of_the_same_file_cancels(tmp_path: Path) -> None:
    cancel = calendar("UID:m | SEQUENCE:1", method="CANCEL")
    assert summaries(tmp_path, calendar(MEETING) + b"\n" + cancel) == []


def test_one_event_of_a_series_is_cancelled(tmp_path: Path) -> None:
    cancel = calendar("UID:s | RECURRENCE-ID:20260309T090000Z | SEQUENCE:1", method="CANCEL")
    assert summaries(tmp_path, calendar(WEEKLY), cancel) == ["02T09 a", "16T09 a"]


def test_a_series_is_cancelled_from_one_event_on(tmp_path: Path) -> None:
    rest = "UID:s | RECURRENCE-ID;RANGE=THISANDFUTURE:20260309T090000Z | SEQUENCE:1"
    assert summaries(tmp_path, calendar(WEEKLY), calendar(rest, method="CANCEL")) == ["02T09 a"]


def test_an_override_in_another_calendar_replaces_the_event_of_the_series(tmp_path: Path) -> None:
    assert summaries(tmp_path, calendar(WEEKLY), calendar(MOVED)) == [
        "02T09 a",
        "10T09 ab",
        "16T09 a",
    ]


def test_a_newer_series_replaces_an_older_one(tmp_path: Path) -> None:
    newer = calendar(f"{WEEKLY.replace('20260302', '20260303')} | SEQUENCE:1")
    assert summaries(tmp_path, calendar(WEEKLY), newer) == ["03T09 ab", "10T09 ab", "17T09 ab"]


def test_a_day_that_a_newer_series_excludes_is_free_in_all_calendars(tmp_path: Path) -> None:
    newer = calendar(f"{WEEKLY} | EXDATE:20260309T090000Z | SEQUENCE:1")
    assert summaries(tmp_path, calendar(WEEKLY), newer) == ["02T09 ab", "16T09 ab"]


def test_an_older_override_counts_while_the_newer_series_has_its_time(tmp_path: Path) -> None:
    older = calendar(WEEKLY, MOVED)
    shorter = calendar(f"{WEEKLY.replace('COUNT=3', 'COUNT=1')} | SEQUENCE:1")
    assert summaries(tmp_path, older, shorter) == ["02T09 ab"]
    same = calendar(f"{WEEKLY} | SEQUENCE:1")
    assert summaries(tmp_path, older, same) == ["02T09 ab", "10T09 ab", "16T09 ab"]


def test_a_newer_copy_that_is_longer_counts(tmp_path: Path) -> None:
    longer = calendar(f"{WEEKLY.replace('PT1H', 'PT2H')} | SEQUENCE:1")
    events = merged(tmp_path, calendar(WEEKLY), longer).request.events
    assert {(event.end.seconds - event.start.seconds) for event in events} == {7200}
    assert {"".join(sorted(event.resources)) for event in events} == {"ab"}


@pytest.mark.parametrize("method", ["REPLY", "COUNTER"])
def test_a_reply_of_an_attendee_revises_nothing(tmp_path: Path, method: str) -> None:
    message = calendar(f"{LATER} | SEQUENCE:1", method=method)
    assert "02T09 a" in summaries(tmp_path, calendar(MEETING), message)


def test_events_of_series_in_different_zones_are_one_event(tmp_path: Path) -> None:
    berlin = WEEKLY.replace(
        "DTSTART:20260302T090000Z", "DTSTART;TZID=Europe/Berlin:20260302T100000"
    )
    assert summaries(tmp_path, calendar(WEEKLY), calendar(berlin)) == [
        "02T09 ab",
        "09T09 ab",
        "16T09 ab",
    ]
