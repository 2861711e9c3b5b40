"""A week is told so that a person sees who has what, day by day."""

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
    """An event from one hour since that midnight to another."""
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
) -> list[str]:
    request = EventList(events=events, options=ConflictOptions(explain=True))
    report = build_report(
        get_conflicts(request),
        request,
        lambda number: SourceLocation("team", None, events[number].id),
    )
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, color_system=None)
    start, end = ((MIDNIGHT + hour * HOUR) * NANOS_PER_SECOND for hour in window)
    agenda.write(console, report, zone, (start, end))
    return file.getvalue().splitlines()


def test_a_quiet_day_tells_who_has_what_when_and_the_name_where_it_is_not_the_title() -> None:
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


def test_what_conflicts_is_marked_and_told_below_the_day_as_in_a_check() -> None:
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
        "    09:00-12:00  a  ━━━━━━━━━━█████",
        "    11:00-13:00  b            █████━━━━━",
        "  ! 11:00-12:00  1h, 2 at once: a, b",
        "",
        "1 group of conflicting events, 2 of 3 events.",
    ]


def test_what_lasts_for_days_is_told_on_each() -> None:
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
    told = written(*events, zone=zone, window=window)
    return [line for line in told[:-1] if line and not line.startswith(" ")]


def test_no_day_before_or_after_the_window_is_told() -> None:
    assert headings(event("long", -30, 90, "gpu"), window=(0, 48)) == [
        "Mon 16 Nov 2026 (UTC)",
        "Tue 17 Nov 2026 (UTC)",
    ]


def test_what_ends_at_midnight_is_not_told_on_the_next_day() -> None:
    assert headings(event("late", 20, 24, "gpu")) == ["Mon 16 Nov 2026 (UTC)"]


def test_an_instant_is_told_on_its_day() -> None:
    assert headings(event("midnight", 24, 24, "gpu")) == ["Tue 17 Nov 2026 (UTC)"]


def test_a_day_on_which_clocks_change_is_told_once_and_none_is_left_out() -> None:
    """Over the night to 29 March 2026, Berlin's clocks go from 2:00 to 3:00."""
    friday = -234 * 24 + 23.5
    window = (-234 * 24, -230 * 24)
    assert headings(
        event("long", friday, friday + 48, "gpu"), zone=ZoneInfo("Europe/Berlin"), window=window
    ) == [
        "Sat 28 Mar 2026 (CET)",
        "Sun 29 Mar 2026 (CET)",
        "Mon 30 Mar 2026 (CEST)",
    ]


def test_a_group_that_began_before_the_window_is_told_on_its_first_day() -> None:
    told = written(event("a", -20, 3, "gpu"), event("b", -2, 5, "gpu"))
    assert told[0] == "Mon 16 Nov 2026 (UTC)"
    assert "  gpu: 2 events, double-booked for 5h" in told
    assert told.count(told[0]) == 1


def test_a_long_name_leaves_room_for_where_it_is_written() -> None:
    long = event("x" * 30, 9, 10, "gpu", title="T" * 80)
    assert written(long, width=60)[2] == f"    09:00-10:00  {'T' * 20}…  {'x' * 19}…"


def test_text_from_elsewhere_moves_no_cursor() -> None:
    told = written(event("a\x1b[2J", 9, 10, "gpu\x1b[2J", title="\x1b[31mred"))
    assert told[1:3] == ["  gpu\\x1b[2J", "    09:00-10:00  \\x1b[31mred  a\\x1b[2J"]
