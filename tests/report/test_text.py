"""Conflicts are told so that a person sees who clashes, and when."""

import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictList, Event, EventList
from double_booked.conflicts.definition import get_conflicts
from double_booked.report import text

HOUR = 3600


def event(start: float, end: float, title: str = "", identity: str = "") -> Event:
    """An event from one hour of Monday, 16 November 2026 to another."""
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
    conflicts: ConflictList | None = None,
    terminal: bool = False,
) -> list[str]:
    asked = EventList(events=events)
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
        get_conflicts(asked) if conflicts is None else conflicts,
        asked,
        lambda position: f"events[{position}]",
    )
    file.seek(0)
    return file.read().splitlines()


PLANNING = event(10, 12, "Sprint planning")
INTERVIEW = event(11.5, 12.5, "Interview")
LUNCH = event(12.5, 13.5, "Lunch")


def test_a_group_is_told_with_times_names_a_picture_and_a_summary() -> None:
    assert written(LUNCH, INTERVIEW, PLANNING, width=60) == [
        "Mon 16 Nov 2026 (UTC): 2 events, double-booked 11:30-12:00",
        "  10:00-12:00  Sprint planning  ━━━━━━━━━━━━█████",
        "  11:30-12:30  Interview                    █████━━━━",
        "",
        "1 group of conflicting events, 2 of 3 events.",
    ]


@pytest.mark.parametrize(
    ("events", "summary"),
    [
        ([], "No conflicts among 0 events."),
        ([LUNCH], "No conflicts among 1 event."),
        ([LUNCH, PLANNING], "No conflicts among 2 events."),
    ],
)
def test_no_conflict_is_said_in_one_line(events: list[Event], summary: str) -> None:
    assert written(*events) == [summary]


def test_several_groups_are_counted() -> None:
    lines = written(PLANNING, INTERVIEW, event(20, 22, "Cinema"), event(21, 23, "Opera"))
    assert lines[-1] == "2 groups of conflicting events, 4 of 4 events."


def test_an_event_is_named_by_title_else_id_else_position() -> None:
    lines = written(
        event(9, 12, "Title", "id-1"), event(9, 12, " ", "id-2"), event(9, 12), event(9, 12)
    )
    assert [line.split()[1] for line in lines[1:5]] == ["Title", "id-2", "events[2]", "events[3]"]


def test_titles_can_neither_colour_nor_mark_up_the_terminal() -> None:
    lines = written(event(9, 12, "[red]a[/red] :smile:"), event(9, 12, "\x1b[31mb\nc"))
    assert "[red]a[/red] :smile:" in lines[1]
    assert "\\x1b[31mb c" in lines[2]
    assert not any("\x1b" in line for line in lines)


def test_a_terminal_gets_colours() -> None:
    assert any("\x1b[31m█" in line for line in written(PLANNING, INTERVIEW, terminal=True))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = "山" * 100
    lines = written(event(9, 12, "x" * 300), event(10, 40, wide), event(11, 12, wide), width=width)
    assert max(len(line) + line.count("山") for line in lines) <= width


def test_an_encoding_without_the_bars_characters_gets_plain_ones() -> None:
    lines = written(PLANNING, INTERVIEW, encoding="ascii")
    assert "--##" in lines[1]
    assert "##--" in lines[2]


def test_an_instant_clashes_at_a_point() -> None:
    lines = written(event(10, 12, "Demo"), event(11, 11, "Freeze"))
    assert lines[0] == "Mon 16 Nov 2026 (UTC): 2 events, double-booked 11:00"
    assert lines[2].split() == ["11:00", "Freeze", "█"]


def test_two_at_one_instant_are_drawn() -> None:
    lines = written(event(11, 11, "Freeze"), event(11, 11, "Thaw"))
    assert lines[1].split()[2] == "█" * text.MAX_BAR_WIDTH


def test_many_clashes_of_a_group_are_counted() -> None:
    short = [event(hour, hour + 0.5, f"Call {hour}") for hour in range(9, 14)]
    lines = written(event(8, 18, "Workshop"), *short, width=120)
    assert lines[0].endswith("double-booked 09:00-09:30, 10:00-10:30, 11:00-11:30 and 2 more")


@pytest.mark.parametrize(
    ("occupied", "clashes"),
    [
        ([(0, 4), (2, 6)], [(2, 4)]),
        ([(0, 9), (2, 3), (3, 5), (7, 8)], [(2, 5), (7, 8)]),
        ([(0, 9), (2, 8), (3, 5)], [(2, 8)]),
        ([(0, 3), (1, 5), (4, 7)], [(1, 3), (4, 5)]),
        ([(0, 4), (0, 4), (0, 4)], [(0, 4)]),
        ([(0, 4), (4, 6)], []),
        ([(0, 4), (2, 3), (4, 6), (5, 7)], [(2, 3), (5, 6)]),
        ([(0, 4), (1, 4), (4, 6), (5, 7)], [(1, 4), (5, 6)]),
    ],
)
def test_clashes_are_when_more_than_one_is_present(
    occupied: list[tuple[int, int]], clashes: list[tuple[int, int]]
) -> None:
    assert text.find_clashes(occupied) == clashes
