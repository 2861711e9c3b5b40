"""Annotations are GitHub's workflow commands, one for each event at its location."""

from dataclasses import replace
from datetime import UTC, date

import pytest

from double_booked.conflicts.definition import Group, Overlap
from double_booked.report.github import render, render_unread
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.repeat import Repeat
from report.events import HOUR, NINE

COVERAGE = Coverage("check", 0, UTC, ["a.ics"])
OVERLAP = Overlap(NINE + HOUR, NINE + 2 * HOUR, 2, (0, 1))


def entry(name: str, location: SourceLocation) -> Entry:
    return Entry(name, NINE, NINE + 2 * HOUR, ("room",), location)


def lines(
    *entries: Entry, overlap: Overlap = OVERLAP, is_error: bool = True, gap: int = 0
) -> list[str]:
    group = Group("room", tuple(range(len(entries))), (overlap,))
    report = ConflictReport(entries, [group], gaps={"room": gap})
    return list(render(report, COVERAGE, is_error=is_error))


PAIR = (
    entry("A", SourceLocation("a.ics", 4)),
    entry("B", SourceLocation("b.json", None, "events[0]")),
)


def test_each_event_of_a_group_is_annotated_before_a_summary() -> None:
    when = "Mon 2 Mar 2026, 10:00-11:00"
    assert lines(*PAIR) == [
        f"::error file=a.ics,title=Double-booked,line=4::A overlaps B on room: {when}",
        f"::error file=b.json,title=Double-booked::B overlaps A on room: {when}",
        "1 conflict among 2 of 2 events.",
    ]


def test_overlap_because_of_a_gap_has_the_gap() -> None:
    after = Overlap(NINE + 2 * HOUR, NINE + 2 * HOUR + HOUR // 4, 2, (0, 1))
    start = "::error file=a.ics,title=Double-booked,line=4::A overlaps B on room"
    when = "Mon 2 Mar 2026, 11:00-11:15"
    assert lines(*PAIR, overlap=after, gap=HOUR // 2)[0] == f"{start}, with a gap of 30m: {when}"
    assert "gap" not in lines(*PAIR, gap=HOUR // 2)[0]


def test_groups_that_recur_are_annotated_once() -> None:
    weeks = [7 * 24 * HOUR * number for number in range(3)]
    groups = [
        Group("room", (0, 1), (Overlap(NINE + week, NINE + week + HOUR, 2, (0, 1)),))
        for week in weeks
    ]
    repeat = Repeat((0, 1, 2), 7, date(2026, 3, 2), date(2026, 3, 16))
    report = ConflictReport(PAIR, groups, repeats=[repeat])
    when = "every Monday 09:00-10:00 from 2 Mar to 16 Mar 2026, 3 times"
    assert list(render(report, COVERAGE, is_error=True))[:-1] == [
        f"::error file=a.ics,title=Double-booked,line=4::A overlaps B on room: {when}",
        f"::error file=b.json,title=Double-booked::B overlaps A on room: {when}",
    ]


def test_summary_without_events_has_what_lies_outside() -> None:
    day = 24 * HOUR
    coverage = replace(COVERAGE, window=(NINE, NINE + day), outside=Outside(2, NINE - day, NINE))
    [line] = render(ConflictReport([], []), coverage, is_error=True)
    assert line.startswith(
        "No events from 2 Mar 2026 to 3 Mar 2026; 2 events or series lie outside"
    )


def test_conflicts_can_be_warnings() -> None:
    assert lines(*PAIR, is_error=False)[0].startswith("::warning file=")


def test_unreadable_event_is_annotated_at_its_line() -> None:
    location = SourceLocation("rota/dec.csv", 7)
    annotation = "::error file=rota/dec.csv,title=Cannot be read,line=7::end: no hour 25"
    assert render_unread(location, "end: no hour\n25", is_error=True) == annotation
    assert render_unread(location, "end", is_error=False).startswith("::warning file=rota/dec.csv")


def test_annotation_of_standard_input_has_no_file() -> None:
    first = lines(entry("A", SourceLocation("standard input", 3, is_file=False)), PAIR[1])[0]
    assert first.startswith("::error title=Double-booked::A overlaps B")


@pytest.mark.parametrize("name", ["50% off", "a::b", "x,y=z"])
def test_names_cannot_end_the_command(name: str) -> None:
    first = lines(entry(name, SourceLocation(f"{name}.ics", 1)), PAIR[1])[0]
    head, _, _ = first.removeprefix("::error file=").partition(",title=")
    assert head == f"{name}.ics".replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    assert f"::{name.replace('%', '%25')} overlaps B" in first


def test_other_events_over_the_maximum_are_counted() -> None:
    many = [entry(f"{number}", SourceLocation("a.ics", number + 1)) for number in range(9)]
    overlap = Overlap(NINE, NINE + HOUR, 9, tuple(range(9)))
    assert "0 overlaps 1, 2, 3, 4, 5 and 3 more on room" in lines(*many, overlap=overlap)[0]


def test_other_events_are_counted_if_the_overlap_has_no_members() -> None:
    assert "A overlaps 1 other event on room" in lines(*PAIR, overlap=Overlap(NINE, NINE, 2, ()))[0]
