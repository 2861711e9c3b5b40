"""Zone names are looked up in IANA's zones, in the file and in Windows names."""

from datetime import UTC, datetime

import pytest

from calendars.ics_cases import calendar_of, read, spans, times, vevent
from double_booked.recurrence.calendar_times import Window

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def observance(kind: str, start: str, before: str, after: str, *more: str) -> str:
    lines = [f"BEGIN:{kind}", f"DTSTART{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}"]
    return "\n".join([*lines, *more, f"END:{kind}"])


def zone(name: str, *observances: str) -> str:
    return "\n".join(["BEGIN:VTIMEZONE", f"TZID:{name}", *observances, "END:VTIMEZONE"])


def eastern(name: str) -> str:
    """Return New York's zone as Outlook defines it."""
    winter, summer = (
        "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
        "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3",
    )
    return zone(
        name,
        observance("STANDARD", ":16010101T020000", "-0400", "-0500", winter),
        observance("DAYLIGHT", ":16010101T020000", "-0500", "-0400", summer),
    )


def start_of(zones: str, name: str, window: Window = YEAR) -> str:
    """Return nine o'clock of 1 July in UTC, by the name of the zone."""
    event = vevent(f"DTSTART;TZID={name}:20260701T090000")
    [(start, _)] = times(calendar_of(zones, event), window)
    return f"{start:%H:%M}"


UNUSABLE = {
    "no name": "BEGIN:VTIMEZONE\nX-INVALID-TIMEZONE:TRUE\nEND:VTIMEZONE",
    "no offsets": zone("UTC"),
    "an offset of days": zone("X", observance("STANDARD", ":18500101T000000", "+5744", "+5744")),
    "a rule without FREQ": zone("X", observance("STANDARD", ":19700101T000000", "+01", "+01")),
    "no start": zone("X", "BEGIN:STANDARD\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD"),
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unused_vtimezone_is_not_read(unusable: str) -> None:
    event = vevent("DTSTART:20260302T090000Z")
    assert times(calendar_of(unusable, event)) == spans("2026-03-02 09:00")


def test_an_unusable_vtimezone_is_replaced_by_the_iana_zone() -> None:
    broken = zone("Europe/Prague", observance("STANDARD", ":18500101T000000", "+5744", "+5744"))
    event = vevent("DTSTART;TZID=Europe/Prague:20260701T090000")
    calendar = read(calendar_of(broken, event))
    assert [event.start for event in calendar.occurrences] == [datetime(2026, 7, 1, 7, tzinfo=UTC)]
    [note] = calendar.notes
    assert note.startswith("line 4: a VTIMEZONE is not used: line 6: STANDARD: ")


def test_an_unusable_vtimezone_is_replaced_by_the_windows_zone() -> None:
    assert start_of(zone("W. Europe Standard Time"), "W. Europe Standard Time") == "07:00"


def test_a_vtimezone_takes_precedence_over_a_windows_name() -> None:
    own = zone(
        "W. Europe Standard Time", observance("STANDARD", ":19700101T000000", "+0500", "+0500")
    )
    assert start_of(own, "W. Europe Standard Time") == "04:00"


def test_an_onset_on_a_date_is_at_midnight() -> None:
    summer = observance("DAYLIGHT", ";VALUE=DATE:20260701", "+0100", "+0300")
    assert start_of(zone("X", summer), "X") == "06:00"


def test_a_further_onset_can_be_a_date() -> None:
    one = observance("STANDARD", ":19700101T000000", "+0100", "+0100")
    two = observance("DAYLIGHT", ":19800101T000000", "+0100", "+0300", "RDATE;VALUE=DATE:20260701")
    assert start_of(zone("X", one, two), "X") == "06:00"


@pytest.mark.parametrize("offset", ["+05:00", "0500", "+050000", " +0500 "])
def test_an_odd_offset_is_read(offset: str) -> None:
    own = zone("X", observance("STANDARD", ":19700101T000000", offset, offset))
    assert start_of(own, "X") == "04:00"


def test_a_zone_name_can_have_escapes() -> None:
    own = zone("Berlin\\, Bern", observance("STANDARD", ":19700101T000000", "+0500", "+0500"))
    assert start_of(own, "Berlin\\, Bern") == "04:00"
    assert start_of(own, '"Berlin, Bern"') == "04:00"


def test_names_compare_without_case() -> None:
    own = zone("Our Time", observance("STANDARD", ":19700101T000000", "+0500", "+0500"))
    assert start_of(own, "our time") == "04:00"


def test_an_iana_zone_takes_precedence_over_a_vtimezone_with_its_offsets() -> None:
    """The past that the file omits is then right."""
    event = vevent("DTSTART;TZID=America/New_York:20060315T090000")
    window = Window(datetime(2006, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    own = eastern("America/New_York").replace("2SU", "1SU").replace("BYMONTH=3", "BYMONTH=4")
    assert times(calendar_of(eastern("America/New_York"), event), YEAR) == []
    assert times(calendar_of(own, event), window) == spans("2006-03-15 14:00")


def test_a_vtimezone_with_other_offsets_takes_precedence_over_iana() -> None:
    """IANA's EST has no summer time; the EST of some programs has."""
    assert start_of("X-A:none", "EST") == "14:00"
    assert start_of(eastern("EST"), "EST") == "13:00"
    event = vevent("DTSTART;TZID=EST:20260701T090000")
    [note] = read(calendar_of(eastern("EST"), event), YEAR).notes
    assert note == "line 4: the file's own time zone 'EST' is not IANA's"


def test_offsets_before_the_window_are_not_compared() -> None:
    """America/Sao_Paulo had summer time up to 2019."""
    end, start = "UNTIL=20190217T000000Z", "UNTIL=20181104T000000Z"
    own = zone(
        "America/Sao_Paulo",
        observance("DAYLIGHT", ":20081019T000000", "-0300", "-0200", f"RRULE:FREQ=YEARLY;{start}"),
        observance("STANDARD", ":20090215T000000", "-0200", "-0300", f"RRULE:FREQ=YEARLY;{end}"),
    )
    assert start_of(own, "America/Sao_Paulo") == "12:00"


def test_a_vtimezone_cut_to_an_offset_of_iana_is_ignored() -> None:
    winter = zone("Europe/Berlin", observance("STANDARD", ":19700101T000000", "+0100", "+0100"))
    assert start_of(winter, "Europe/Berlin") == "07:00"


def test_a_vtimezone_with_an_offset_unknown_to_iana_is_used() -> None:
    own = zone("Europe/Berlin", observance("STANDARD", ":19700101T000000", "+0500", "+0500"))
    assert start_of(own, "Europe/Berlin") == "04:00"


def test_a_window_can_end_in_the_last_year() -> None:
    window = Window(datetime(9999, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    event = vevent("DTSTART;TZID=EST:99990701T090000")
    assert len(times(calendar_of(eastern("EST"), event), window)) == 1


def test_a_window_can_begin_in_the_first_year() -> None:
    window = Window(datetime(1, 1, 3, tzinfo=UTC), datetime(1, 1, 9, tzinfo=UTC))
    event = vevent("DTSTART;TZID=EST:00010105T090000")
    assert len(times(calendar_of(eastern("EST"), event), window)) == 1


def test_an_unusable_line_of_a_zone_skips_the_events_in_it() -> None:
    winter = observance("STANDARD", ":19700101T000000", "+0100", "+0100", "RRULE")
    named = vevent("UID:1 | DTSTART;TZID=Own:20260302T090000")
    other = vevent("UID:2 | DTSTART:20260302T090000Z")
    calendar = read(calendar_of(zone("Own", winter), named, other))
    assert [event.info.uid for event in calendar.occurrences] == ["2"]
    assert "the time zone 'Own' cannot be used: line 10: " in calendar.skipped[0].reason
