"""The text lists conflicting events, and when they overlap."""

import io
import re
import sys
from dataclasses import replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.conflicts.definition import get_conflicts
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.report import text
from double_booked.report.bars import MAX_BAR_WIDTH
from double_booked.report.group_text import MAX_OVERLAPS, MAX_REPEAT_LINES
from double_booked.view.conflict_report import SourceLocation, build_report
from double_booked.view.coverage import Coverage
from double_booked.view.repeats import find_repeats

HOUR = 3600


def event(start: float, end: float, title: str = "", identity: str = "") -> Event:
    """Return an event; times are in hours of Monday, 16 November 2026."""
    midnight = 1_794_787_200
    return Event(
        id=identity,
        title=title,
        start=Timestamp(seconds=midnight + int(start * HOUR)),
        end=Timestamp(seconds=midnight + int(end * HOUR)),
    )


def written(
    *events: Event,
    width: int = 80,
    encoding: str = "utf-8",
    terminal: bool = False,
    zone: tzinfo = UTC,
    all_overlaps: bool = False,
    all_conflicts: bool = False,
    suggestions: dict[int, list[Span]] | None = None,
    gap: int = 0,
    folder: str = "",
) -> list[str]:
    request = EventList(events=events, options=ConflictOptions(explain=True))
    request.options.min_gap.seconds = gap
    report = build_report(
        get_conflicts(request),
        request,
        lambda number: SourceLocation(f"{folder}a.ics", 4 * number + 1),
    )
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", write_through=True)
    console = Console(
        file=file,
        width=width,
        highlight=False,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    text.write(
        console,
        replace(report, suggestions=suggestions or {}, repeats=find_repeats(report, zone)),
        Coverage("check", 0, zone, ["a.ics"]),
        all_overlaps=all_overlaps,
        all_conflicts=all_conflicts,
    )
    file.seek(0)
    return file.read().splitlines()


PLANNING = event(10, 12, "Sprint planning")
INTERVIEW = event(11.5, 12.5, "Interview")
LUNCH = event(12.5, 13.5, "Lunch")


def test_group_has_times_names_bars_and_overlaps() -> None:
    assert written(LUNCH, INTERVIEW, PLANNING, width=62) == [
        "Mon 16 Nov 2026 (UTC)",
        "  2 events, double-booked for 30m",
        "    10:00-12:00  Sprint planning  ━━━━━━━━━━━█████     a.ics:9",
        "    11:30-12:30  Interview                   █████━━━  a.ics:5",
        "  ! 11:30-12:00  30m, 2 at once: Sprint planning, Interview",
        "",
        "1 conflict among 2 of 3 events.",
    ]


def test_times_and_days_are_in_the_readers_zone() -> None:
    lines = written(event(23, 24.5, "Late"), event(23.5, 25, "Later"), zone=ZoneInfo("Asia/Tokyo"))
    assert lines[0] == "Tue 17 Nov 2026 (JST)"
    assert lines[2].startswith("    08:00-09:30  Late")


def test_groups_of_a_day_share_a_heading() -> None:
    pairs = [event(hour, hour + 1, f"At {hour}") for hour in (9, 9, 12, 12, 33, 33)]
    assert [line for line in written(*pairs) if "Nov" in line] == [
        "Mon 16 Nov 2026 (UTC)",
        "Tue 17 Nov 2026 (UTC)",
    ]


def test_group_names_its_resource() -> None:
    pair = [event(9, 10, title) for title in "AB"]
    for booked in pair:
        booked.resources.append("room\x1b a")
    assert written(*pair)[1] == "  room\\x1b a: 2 events, double-booked for 1h"


def test_names_over_the_maximum_are_counted() -> None:
    lines = written(*(event(9, 10, title) for title in "ABCDE"))
    assert lines[-3] == "  ! 09:00-10:00  1h, 5 at once: A, B, C and 2 more"


def test_long_names_share_the_width_of_a_line() -> None:
    lines = written(event(9, 10, "Kilo" * 20), event(9, 10, "Lima" * 20), width=60)
    assert lines[-3] == "  ! 09:00-10:00  1h, 2 at once: KiloKiloKilo…, LimaLimaLima…"


def test_group_lists_the_suggestions_of_its_events() -> None:
    hour = 3_600 * NANOS_PER_SECOND
    noon = 1_794_787_200 * NANOS_PER_SECOND + 12 * hour
    lines = written(PLANNING, INTERVIEW, suggestions={1: [(noon, noon + hour)]})
    assert lines[-3] == "  > Interview could be 12:00-13:00"
    assert (
        written(PLANNING, INTERVIEW, suggestions={1: []})[-3]
        == "  > Interview: no free time is near"
    )


@pytest.mark.parametrize(
    ("events", "summary"),
    [
        ([], "No events in a.ics."),
        ([LUNCH], "No conflicts among 1 event in a.ics."),
        ([LUNCH, PLANNING], "No conflicts among 2 events in a.ics."),
    ],
)
def test_report_without_conflicts_is_one_line(events: list[Event], summary: str) -> None:
    assert written(*events) == [summary]


def test_summary_counts_groups_and_events() -> None:
    lines = written(PLANNING, INTERVIEW, event(20, 22, "Cinema"), event(21, 23, "Opera"))
    assert lines[-1] == "2 conflicts among 4 of 4 events."


def test_event_is_named_by_title_then_id_then_location() -> None:
    lines = written(
        event(9, 12, "Title", "id-1"), event(9, 12, " ", "id-2"), event(9, 12), event(9, 12)
    )
    assert [line.split()[1] for line in lines[2:6]] == ["Title", "id-2", "a.ics:", "a.ics:"]


def test_titles_cannot_control_the_terminal() -> None:
    lines = written(event(9, 12, "[red]a[/red] :smile:"), event(9, 12, "\x1b[31mb\nc"))
    assert "[red]a[/red] :smile:" in lines[2]
    assert "\\x1b[31mb c" in lines[3]
    assert not any("\x1b" in line for line in lines)


def test_terminal_output_has_bold_times_and_red_bars() -> None:
    """Bold is readable on light and on dark; red, cyan, green and dim texts are not."""
    lines = written(PLANNING, INTERVIEW, terminal=True, suggestions={1: []})
    assert "\x1b[1m10:00-12:00\x1b[0m" in lines[2]
    assert "\x1b[31m█" in lines[2]
    codes = set(re.findall(r"\x1b\[([\d;]+)m[^\x1b]*[\w!]", "".join(lines)))
    assert codes == {"0", "1"}


def test_event_has_its_file_and_line_unless_they_are_its_name() -> None:
    lines = written(event(9, 12, "A"), event(9, 12))
    assert lines[2].endswith("  a.ics:1")
    assert lines[3].split()[1:4] == ["a.ics:", "line", "5"]
    assert "a.ics:5" not in lines[3]


@pytest.mark.parametrize("width", [10, 36])
def test_place_without_room_is_whole_on_the_next_line(width: int) -> None:
    lines = written(PLANNING, INTERVIEW, width=width)
    assert lines[3] == "      a.ics:1"
    assert lines[5] == "      a.ics:5"


def test_place_below_leaves_its_width_to_the_name() -> None:
    assert written(PLANNING, INTERVIEW, width=36)[2] == "    10:00-12:00  Sprint planning"


def test_overlap_because_of_a_gap_has_the_gap() -> None:
    pair = [event(9, 10, "Dentist"), event(9.5, 9.75, "Stand-up")]
    line = "  ! 09:30-10:15  45m, 2 at once, with a gap of 30m: Dentist, Stand-up"
    assert written(*pair, gap=HOUR // 2)[4] == line
    assert written(*pair, gap=0)[4] == "  ! 09:30-09:45  15m, 2 at once: Dentist, Stand-up"


def test_wide_output_is_not_cut() -> None:
    names = ["a rollback plan " * 20 + end for end in "AB"]
    lines = written(*(event(9, 12, name) for name in names), width=sys.maxsize)
    assert names[0] in lines[2]
    assert lines[4].endswith(": " + ", ".join(names))


def conflicts(number: int) -> list[Event]:
    """Return pairs of events that conflict; no pair is at the same time of day as another."""
    return [
        event(25 * pair + start, 25 * pair + start + 1, f"Event {pair}", f"id-{pair}-{start}")
        for pair in range(number)
        for start in (0, 0.5)
    ]


def test_many_conflicts_are_summed_up_by_resource() -> None:
    assert sum("at once" in line for line in written(*conflicts(text.MAX_CONFLICTS))) == 50
    assert written(*conflicts(51)) == [
        "  resource     conflicts  double-booked  first (UTC)",
        "  no resource  51         1d1h30m        Mon 16 Nov 2026 00:30  a.ics:1",
        "",
        "--all lists every conflict.",
        "51 conflicts among 102 of 102 events.",
    ]


def test_summary_on_a_narrow_terminal_keeps_the_lines_of_events() -> None:
    assert written(*conflicts(51), width=70)[1:3] == [
        "  no resource  51         1d1h30m        Mon 16 Nov 2026 00:30",
        "      a.ics:1",
    ]


def test_summary_has_the_option_that_lists_suggestions() -> None:
    lines = written(*conflicts(51), suggestions={1: []})
    assert lines[-2] == "--all lists every conflict with its suggestions."


def test_all_conflicts_are_listed_on_request() -> None:
    lines = written(*conflicts(51), all_conflicts=True)
    assert sum("at once" in line for line in lines) == 51


def weekly(hour: float, weeks: int, size: int = 2, name: str = "Sync") -> list[Event]:
    """Return events that conflict every week."""
    return [
        event(week * 168 + hour, week * 168 + hour + 1, f"{name} {number}", f"{name} {number}")
        for week in range(weeks)
        for number in range(size)
    ]


def test_summary_of_many_conflicts_begins_with_those_that_recur() -> None:
    lines = written(*weekly(9, 52), *conflicts(51))
    assert lines[2] == "  every Monday 09:00-10:00 from 16 Nov 2026 to 8 Nov 2027, 52 times"
    assert lines[7] == "  resource     conflicts  double-booked  first (UTC)"
    assert lines[8].startswith("  no resource  103 ")


@pytest.mark.parametrize(("width", "more"), [(200, 10), (80, 35)])
def test_summary_of_many_conflicts_is_short(width: int, more: int) -> None:
    events = []
    for number in range(60):
        repeated = weekly(number * 2, 4, size=6, name=f"Sync {number}")
        for booked in repeated:
            booked.resources.append(f"room {number}")
        events += repeated
    lines = written(*events, width=width, folder="calendars/of/the/team/")
    assert "  and 52 more conflicts that recur" in lines
    assert f"  and {more} more resources" in lines
    assert len(lines) <= 150


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("size", [2, 3, 12])
def test_conflict_that_recurs_has_few_lines_without_room_for_places(size: int, width: int) -> None:
    suggestions: dict[int, list[Span]] = {number: [] for number in range(1, size)}
    lines = written(
        *weekly(9, 52, size), suggestions=suggestions, width=width, folder="a/long/path/" * 5
    )
    assert lines.index("") - 1 <= MAX_REPEAT_LINES
    assert any(line.startswith("      a/long/path/") for line in lines)
    assert any("no free time" in line for line in lines)


@pytest.mark.parametrize("size", [2, 3, 12])
def test_conflict_that_recurs_has_few_lines(size: int) -> None:
    suggestions: dict[int, list[Span]] = {number: [] for number in range(1, size)}
    events = weekly(9, 52, size)
    for number in range(0, len(events), size):
        events[number].end.seconds += HOUR
    lines = written(*events, suggestions=suggestions)
    assert lines.index("") - 1 <= MAX_REPEAT_LINES
    assert f"  ! and {size - 3} more events, {size - 2} more suggestions" in lines or size < 12
    lines = written(*events, suggestions=suggestions, all_overlaps=True)
    assert sum("no free time" in line for line in lines) == size - 1


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_lines_fit_the_terminal(width: int) -> None:
    wide = "山" * 100
    lines = written(event(9, 12, "x" * 300), event(10, 40, wide), event(11, 12, wide), width=width)
    assert max(len(line) + line.count("山") for line in lines) <= width


def test_bars_are_ascii_without_utf() -> None:
    lines = written(PLANNING, INTERVIEW, encoding="ascii")
    assert "--##" in lines[2]
    assert "##--" in lines[3]


def test_free_times_of_all_days_of_a_repeated_conflict_are_named() -> None:
    hour = 3_600 * NANOS_PER_SECOND
    noon = 1_794_787_200 * NANOS_PER_SECOND + 12 * hour
    spans = [(noon + week * 168 * hour, noon + week * 168 * hour + hour) for week in range(3)]
    free = {2 * week + 1: [span] for week, span in enumerate(spans)}
    lines = written(*weekly(9, 3), suggestions=free)
    assert lines[-3] == "  > Sync 1 could be 12:00-13:00 on all 3 days"
    assert (
        written(*weekly(9, 3), suggestions=free | {3: []})[-3] == "  > Sync 1 could be 12:00-13:00"
    )


def test_conflict_at_an_instant_has_no_duration() -> None:
    lines = written(event(10, 12, "Demo"), event(11, 11, "Freeze"))
    assert lines[1] == "  2 events, double-booked for an instant"
    assert lines[3].split() == ["11:00", "Freeze", "█", "a.ics:5"]
    assert lines[4] == "  ! 11:00  2 at once: Demo, Freeze"


def test_instants_of_a_group_have_full_bars() -> None:
    lines = written(event(11, 11, "Freeze"), event(11, 11, "Thaw"))
    assert lines[2].split()[2] == "█" * MAX_BAR_WIDTH


def test_instant_at_the_end_of_its_group_has_a_bar() -> None:
    request = EventList(events=[event(10, 11, "Demo"), event(11, 11, "Freeze")])
    request.options.min_gap.seconds = 60
    console = Console(file=io.StringIO(), width=80, highlight=False)
    report = build_report(get_conflicts(request), request, lambda _: SourceLocation("a"))
    text.write(console, report, Coverage("check", 0, UTC, []), all_overlaps=False)
    assert isinstance(console.file, io.StringIO)
    assert "Freeze" + " " * 29 + "█" in console.file.getvalue()


def test_narrow_terminal_has_no_bars() -> None:
    assert not any("█" in line for line in written(PLANNING, INTERVIEW, width=40))


def test_overlaps_over_the_maximum_are_counted_unless_all_are_requested() -> None:
    short = [event(hour, hour + 0.5, f"Call {hour}") for hour in range(1, 14)]
    lines = written(event(0, 18, "Workshop"), *short)
    assert sum("at once" in line for line in lines) == MAX_OVERLAPS
    assert lines[-3] == "  ! and 3 more overlaps"
    lines = written(event(0, 18, "Workshop"), *short, all_overlaps=True)
    assert sum("at once" in line for line in lines) == 13
    assert "  ! and" not in lines[-3]


def test_all_names_of_an_overlap_are_listed_on_request() -> None:
    names = [f"A long name of event {letter}" for letter in "ABCDEF"]
    lines = written(*(event(9, 10, name) for name in names), all_overlaps=True)
    assert lines[-3] == f"  ! 09:00-10:00  1h, 6 at once: {', '.join(names)}"
