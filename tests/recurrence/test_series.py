"""Series of random rules, exceptions and overrides expand as in recurring-ical-events.

Ends across a change of the offset are excluded: that library derives them from the local time.
"""

from datetime import UTC, datetime, timedelta

import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from calendars.ics_cases import calendar_of, times, vevent
from double_booked.recurrence.calendar_times import Window

WINDOW = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY")
FORM = "%Y%m%dT%H%M%S"


@st.composite
def series(draw: st.DrawFn) -> bytes:
    """Draw a calendar with one series, its exceptions and its overrides."""
    start = datetime(2026, 1, draw(st.integers(1, 28)), draw(st.sampled_from([5, 9, 22])))  # noqa: DTZ001
    zone = draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo"]))

    def line(name: str, local: datetime) -> str:
        return f"{name};TZID={zone}:{local:{FORM}}"

    rule = f"FREQ={draw(st.sampled_from(FREQUENCIES))};INTERVAL={draw(st.integers(1, 3))}"
    rule += draw(st.sampled_from(["", ";COUNT=9", ";UNTIL=20260615T120000Z"]))
    lines = [line("DTSTART", start), "DURATION:PT45M", f"RRULE:{rule}"]
    nearby = st.integers(0, 200).map(lambda days: start + timedelta(days))
    for name in ("EXDATE", "RDATE"):
        lines += [line(name, day) for day in draw(st.lists(nearby, max_size=4, unique=True))]
    events = [vevent(" | ".join(lines))]
    for day in draw(st.lists(nearby, max_size=3, unique=True)):
        if f"EXDATE;TZID={zone}:{day:{FORM}}" not in lines:
            moved = day + timedelta(hours=draw(st.integers(-30, 30)))
            events.append(
                vevent(
                    f"{line('RECURRENCE-ID', day)} | {line('DTSTART', moved)} | DURATION:PT20M"
                    " | SEQUENCE:1"
                )
            )
    return calendar_of(*events)


@settings(deadline=None)
@given(series())
def test_a_series_expands_as_in_another_library(content: bytes) -> None:
    query = recurring_ical_events.of(Calendar.from_ical(content))
    theirs = [
        (event.start.astimezone(UTC), event.end.astimezone(UTC))
        for event in query.between(WINDOW.start, WINDOW.end)
    ]
    assert times(content, WINDOW) == sorted(theirs)
