"""The text lists conflicting events, and when they overlap."""

import io
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
from double_booked.view.conflict_report import SourceLocation, build_report

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
    suggestions: dict[int, list[Span]] | None = None,
) -> list[str]:
    request = EventList(events=events, options=ConflictOptions(explain=True))
    report = build_report(
        get_conflicts(request),
        request,
        lambda number: SourceLocation("a", None, f"events[{number}]"),
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
        console, replace(report, suggestions=suggestions or {}), zone, all_overlaps=all_overlaps
    )
    file.seek(0)
    return file.read().splitlines()


PLANNING = event(10, 12, "Sprint planning")
INTERVIEW = event(11.5, 12.5, "Interview")
LUNCH = event(12.5, 13.5, "Lunch")


def test_group_has_times_names_bars_and_overlaps() -> None:
    assert written(LUNCH, INTERVIEW, PLANNING, width=60) == [
        "Mon 16 Nov 2026 (UTC)",
        "  2 events, double-booked for 30m",
        "    10:00-12:00  Sprint planning  ━━━━━━━━━━━━████",
        "    11:30-12:30  Interview                    ████━━━━",
        "  ! 11:30-12:00  30m, 2 at once: Sprint planning, Interview",
        "",
        "1 group of conflicting events, 2 of 3 events.",
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
        ([], "No conflicts among 0 events."),
        ([LUNCH], "No conflicts among 1 event."),
        ([LUNCH, PLANNING], "No conflicts among 2 events."),
    ],
)
def test_report_without_conflicts_is_one_line(events: list[Event], summary: str) -> None:
    assert written(*events) == [summary]


def test_summary_counts_groups_and_events() -> None:
    lines = written(PLANNING, INTERVIEW, event(20, 22, "Cinema"), event(21, 23, "Opera"))
    assert lines[-1] == "2 groups of conflicting events, 4 of 4 events."


def test_event_is_named_by_title_then_id_then_location() -> None:
    lines = written(
        event(9, 12, "Title", "id-1"), event(9, 12, " ", "id-2"), event(9, 12), event(9, 12)
    )
    assert [line.split()[1] for line in lines[2:6]] == ["Title", "id-2", "a:", "a:"]


def test_titles_cannot_control_the_terminal() -> None:
    lines = written(event(9, 12, "[red]a[/red] :smile:"), event(9, 12, "\x1b[31mb\nc"))
    assert "[red]a[/red] :smile:" in lines[2]
    assert "\\x1b[31mb c" in lines[3]
    assert not any("\x1b" in line for line in lines)


def test_terminal_output_has_colours() -> None:
    assert any("\x1b[31m█" in line for line in written(PLANNING, INTERVIEW, terminal=True))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_lines_fit_the_terminal(width: int) -> None:
    wide = "山" * 100
    lines = written(event(9, 12, "x" * 300), event(10, 40, wide), event(11, 12, wide), width=width)
    assert max(len(line) + line.count("山") for line in lines) <= width


def test_bars_are_ascii_without_utf() -> None:
    lines = written(PLANNING, INTERVIEW, encoding="ascii")
    assert "--##" in lines[2]
    assert "##--" in lines[3]


def test_conflict_at_an_instant_has_no_duration() -> None:
    lines = written(event(10, 12, "Demo"), event(11, 11, "Freeze"))
    assert lines[1] == "  2 events, double-booked for an instant"
    assert lines[3].split() == ["11:00", "Freeze", "█"]
    assert lines[4] == "  ! 11:00  2 at once: Demo, Freeze"


def test_instants_of_a_group_have_full_bars() -> None:
    lines = written(event(11, 11, "Freeze"), event(11, 11, "Thaw"))
    assert lines[2].split()[2] == "█" * text.MAX_BAR_WIDTH


def test_instant_at_the_end_of_its_group_has_a_bar() -> None:
    request = EventList(events=[event(10, 11, "Demo"), event(11, 11, "Freeze")])
    request.options.min_gap.seconds = 60
    console = Console(file=io.StringIO(), width=80, highlight=False)
    report = build_report(get_conflicts(request), request, lambda _: SourceLocation("a"))
    text.write(console, report, UTC, all_overlaps=False)
    assert isinstance(console.file, io.StringIO)
    assert "Freeze" + " " * 29 + "█" in console.file.getvalue()


def test_narrow_terminal_has_no_bars() -> None:
    assert not any("█" in line for line in written(PLANNING, INTERVIEW, width=40))


def test_overlaps_over_the_maximum_are_counted_unless_all_are_requested() -> None:
    short = [event(hour, hour + 0.5, f"Call {hour}") for hour in range(1, 14)]
    lines = written(event(0, 18, "Workshop"), *short)
    assert sum("at once" in line for line in lines) == text.MAX_OVERLAPS
    assert lines[-3] == "  ! and 3 more overlaps"
    lines = written(event(0, 18, "Workshop"), *short, all_overlaps=True)
    assert sum("at once" in line for line in lines) == 13
    assert "  ! and" not in lines[-3]
