"""Free times as text, JSON and a calendar."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar

from double_booked.conflicts.instants import to_instant
from double_booked.report.free_formats import FreeTimes, render_ics, render_json, render_text
from report.events import HOUR

BERLIN = ZoneInfo("Europe/Berlin")
NINE = to_instant(datetime(2026, 12, 1, 8, tzinfo=UTC))
"""9:00 in Berlin."""
FREE = FreeTimes([(NINE, NINE + HOUR)], ["anna", "bruno"], HOUR, (NINE, NINE + 24 * HOUR))


def test_text_has_a_line_for_each_free_time_and_a_summary() -> None:
    assert list(render_text(FREE, BERLIN)) == [
        "Tue 1 Dec 2026, 09:00-10:00 (CET)",
        "1 free time of 1h for anna and bruno.",
    ]


def test_text_without_free_times_names_the_searched_span() -> None:
    none = FreeTimes([], ["anna"], HOUR, FREE.within)
    assert list(render_text(none, BERLIN)) == [
        "No free time of 1h for anna from 2026-12-01 09:00 to 2026-12-02 09:00."
    ]


def test_resources_over_the_maximum_are_counted() -> None:
    many = FreeTimes(FREE.spans, list("abcde"), HOUR, FREE.within)
    assert list(render_text(many, UTC))[-1] == "1 free time of 1h for a, b, c and 2 more."


def test_unnamed_resources_are_described() -> None:
    unnamed = FreeTimes(FREE.spans, [""], HOUR, FREE.within)
    assert list(render_text(unnamed, UTC))[-1].endswith("for events without a resource.")
    nobody = FreeTimes(FREE.spans, [], HOUR, FREE.within)
    assert list(render_text(nobody, UTC))[-1].endswith("for everybody.")


def test_control_characters_of_a_name_are_escaped() -> None:
    hostile = FreeTimes(FREE.spans, ["a\x1b[2J"], HOUR, FREE.within)
    assert "\x1b" not in "".join(render_text(hostile, UTC))


def test_json_has_times_in_utc() -> None:
    assert json.loads(render_json(FREE)) == {
        "free": [{"start": "2026-12-01T08:00:00Z", "end": "2026-12-01T09:00:00Z"}],
        "resources": ["anna", "bruno"],
    }


def test_json_keeps_fractions_of_a_second() -> None:
    half = FreeTimes([(NINE + 5 * 10**8, NINE + HOUR)], [], HOUR, FREE.within)
    assert json.loads(render_json(half))["free"][0]["start"] == "2026-12-01T08:00:00.5Z"


def test_calendar_has_an_event_for_each_free_time() -> None:
    written = render_ics(FREE, datetime(2026, 11, 1, tzinfo=UTC))
    [event] = Calendar.from_ical(written).walk("VEVENT")
    assert event["SUMMARY"] == "Free: anna and bruno"
    assert event.decoded("DTSTART") == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert event["TRANSP"] == "TRANSPARENT"
    again = render_ics(FREE, datetime(2026, 11, 2, tzinfo=UTC))
    assert Calendar.from_ical(again).walk("VEVENT")[0]["UID"] == event["UID"]
