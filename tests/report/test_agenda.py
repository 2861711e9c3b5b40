"""The agenda lists the events of a week by day and resource."""

import io
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.conflicts.definition import get_conflicts
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.report import agenda
from double_booked.view.conflict_report import SourceLocation, build_report

MIDNIGHT = 1_794_787_200  # Monday, 16 November 2026
HOUR = 3600


def event(identity: str, start: float, end: float, *resources: str, title: str = "") -> Event:
    """Return an event; times are in hours after MIDNIGHT."""
    return Event(
        id=identity,
        title=title,
        start=Timestamp(seconds=MIDNIGHT + int(start * HOUR)),
        end=Timestamp(seconds=MIDNIGHT + int(end * HOUR)),
        resources=resources,
    )


def written(
    *events: Event,
    window: tuple[int, int] = (0, 7 * 24),
    width: int = 80,
    zone: tzinfo = UTC,
    terminal: bool = False,
) -> list[str]:
    request = EventList(events=events, options=ConflictOptions(explain=True))
    report = build_report(
        get_conflicts(request),
        request,
        lambda number: SourceLocation("team", None, events[number].id),
    )
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        highlight=False,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    start, end = ((MIDNIGHT + hour * HOUR) * NANOS_PER_SECOND for hour in window)
    agenda.write(console, report, zone, (start, end))
    return file.getvalue().splitlines()


def test_day_lists_times_titles_and_names_by_resource() -> None:
    assert written(
        event("release", 9, 12, "staging", title="Release 41"),
        event("demo", 13, 14, "staging", "beamer"),
    ) == [
        "Mon 16 Nov 2026 (UTC)",
        "  beamer",
        "    13:00-14:00  demo",
        "  staging",
        "    09:00-12:00  Release 41  release",
        "    13:00-14:00  demo",
        "",
        "No conflicts among 2 events.",
    ]


def test_conflicts_are_marked_and_listed_below_their_day() -> None:
    assert written(
        event("a", 9, 12, "staging", "beamer"),
        event("b", 11, 13, "staging"),
        event("c", 14, 15, "staging"),
        width=60,
    ) == [
        "Mon 16 Nov 2026 (UTC)",
        "  beamer",
        "    09:00-12:00  a",
        "  staging",
        "  ! 09:00-12:00  a",
        "  ! 11:00-13:00  b",
        "    14:00-15:00  c",
        "",
        "  staging: 2 events, double-booked for 1h",
        "    09:00-12:00  a  ━━━━━━━━━━━━━━███████",
        "    11:00-13:00  b                ███████━━━━━━━",
        "  ! 11:00-12:00  1h, 2 at once: a, b",
        "",
        "1 conflict among 2 of 3 events.",
    ]


def test_times_and_marks_on_a_terminal_are_bold() -> None:
    lines = written(event("a", 9, 12, "gpu", title="A"), event("b", 9, 12, "gpu"), terminal=True)
    assert lines[2] == "\x1b[1m  ! \x1b[0m\x1b[1m09:00-12:00\x1b[0m  A  a"


def test_event_of_several_days_is_listed_on_each() -> None:
    assert written(event("train", 17, 53, "gpu"), event("tune", 33, 45, "cpu")) == [
        "Mon 16 Nov 2026 (UTC)",
        "  gpu",
        "    17:00-Wed 18 Nov 05:00  train",
        "",
        "Tue 17 Nov 2026 (UTC)",
        "  cpu",
        "    09:00-21:00  tune",
        "  gpu",
        "    Mon 16 Nov 17:00-Wed 18 Nov 05:00  train",
        "",
        "Wed 18 Nov 2026 (UTC)",
        "  gpu",
        "    Mon 16 Nov 17:00-Wed 18 Nov 05:00  train",
        "",
        "No conflicts among 2 events.",
    ]


def headings(
    *events: Event, zone: tzinfo = UTC, window: tuple[int, int] = (0, 7 * 24)
) -> list[str]:
    lines = written(*events, zone=zone, window=window)
    return [line for line in lines[:-1] if line and not line.startswith(" ")]


def test_days_outside_the_window_are_not_listed() -> None:
    assert headings(event("long", -30, 90, "gpu"), window=(0, 48)) == [
        "Mon 16 Nov 2026 (UTC)",
        "Tue 17 Nov 2026 (UTC)",
    ]


def test_event_that_ends_at_midnight_is_not_listed_on_the_next_day() -> None:
    assert headings(event("late", 20, 24, "gpu")) == ["Mon 16 Nov 2026 (UTC)"]


def test_instant_is_listed_on_its_day() -> None:
    assert headings(event("midnight", 24, 24, "gpu")) == ["Tue 17 Nov 2026 (UTC)"]


def test_every_day_is_listed_once_when_clocks_change() -> None:
    """On 29 March 2026, Berlin's clocks change from 2:00 to 3:00."""
    friday = -234 * 24 + 23.5
    window = (-234 * 24, -230 * 24)
    assert headings(
        event("long", friday, friday + 48, "gpu"), zone=ZoneInfo("Europe/Berlin"), window=window
    ) == [
        "Sat 28 Mar 2026 (CET)",
        "Sun 29 Mar 2026 (CET)",
        "Mon 30 Mar 2026 (CEST)",
    ]


def test_group_that_starts_before_the_window_is_listed_on_the_first_day() -> None:
    lines = written(event("a", -20, 3, "gpu"), event("b", -2, 5, "gpu"))
    assert lines[0] == "Mon 16 Nov 2026 (UTC)"
    assert "  gpu: 2 events, double-booked for 5h" in lines
    assert lines.count(lines[0]) == 1


def test_long_title_leaves_room_for_the_name() -> None:
    long = event("x" * 30, 9, 10, "gpu", title="T" * 80)
    assert written(long, width=60)[2] == f"    09:00-10:00  {'T' * 20}…  {'x' * 19}…"


def test_control_characters_are_escaped_in_the_agenda() -> None:
    lines = written(event("a\x1b[2J", 9, 10, "gpu\x1b[2J", title="\x1b[31mred"))
    assert lines[1:3] == ["  gpu\\x1b[2J", "    09:00-10:00  \\x1b[31mred  a\\x1b[2J"]
