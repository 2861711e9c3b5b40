"""Times are told compactly, with no more than the reader has to know."""

from datetime import date

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.report.times import day_of, format_day, format_span

MONDAY = date(2026, 11, 16)


def nanoseconds(time: str) -> int:
    timestamp = Timestamp()
    timestamp.FromJsonString(f"{time}Z")
    return timestamp.seconds * 1_000_000_000 + timestamp.nanos


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2026-11-16T09:00:00", "2026-11-16T10:30:00", "09:00-10:30"),
        ("2026-11-16T09:00:00", "2026-11-16T09:00:00", "09:00"),
        ("2026-11-16T00:00:00", "2026-11-16T00:00:00", "00:00"),
        ("2026-11-16T09:00:07", "2026-11-16T09:00:07.25", "09:00:07-09:00:07.25"),
        ("2026-11-16T09:00:00.000000001", "2026-11-16T10:00:00", "09:00:00.000000001-10:00"),
        ("2026-11-16T00:00:00", "2026-11-17T00:00:00", "00:00-24:00"),
        ("2026-11-16T22:00:00", "2026-11-17T02:00:00", "22:00-Tue 17 Nov 02:00"),
        ("2026-11-17T01:00:00", "2026-11-17T02:00:00", "Tue 17 Nov 01:00-02:00"),
        ("2026-11-16T00:00:00", "2026-11-18T00:00:00", "00:00-Tue 17 Nov 24:00"),
        ("2026-12-31T12:00:00", "2027-01-01T12:00:00", "Thu 31 Dec 12:00-Fri 1 Jan 2027 12:00"),
    ],
)
def test_a_span_names_only_days_that_the_reader_does_not_know(
    start: str, end: str, told: str
) -> None:
    assert format_span(nanoseconds(start), nanoseconds(end), MONDAY) == told


def test_the_first_and_the_last_instant_can_be_told() -> None:
    first, last = nanoseconds("0001-01-01T00:00:00"), nanoseconds("9999-12-31T23:59:59.999999999")
    assert format_day(day_of(first)) == "Mon 1 Jan 0001"
    assert format_span(first, last, day_of(first)) == "00:00-Fri 31 Dec 9999 23:59:59.999999999"
