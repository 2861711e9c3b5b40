"""The lines below the headline say what was looked at, and what is left out."""

from dataclasses import replace
from datetime import UTC

import pytest

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.facts import common_folder, describe_facts, describe_omissions
from view.reports import HOUR, MIDNIGHT

DAY = 24 * HOUR * NANOS_PER_SECOND
START = MIDNIGHT * NANOS_PER_SECOND
COVERAGE = Coverage("check", START, UTC, [])
DAYS = ["Mon 16 Nov 2026", "Tue 17 Nov 2026", "Wed 18 Nov 2026"]


def test_facts_are_the_period_the_numbers_and_the_sources() -> None:
    assert describe_facts(COVERAGE, DAYS, ["a.ics"], 2, 1) == [
        "Mon 16 Nov 2026 to Wed 18 Nov 2026",
        "2 events, 1 calendar",
        "from a.ics",
    ]


def test_period_is_the_window_if_there_is_one() -> None:
    coverage = replace(COVERAGE, window=(START, START + DAY))
    assert describe_facts(coverage, DAYS, [], 1, 1)[0] == "Mon 16 Nov 2026"


def test_facts_leave_out_what_is_not_known() -> None:
    assert describe_facts(COVERAGE, [], [], 0, 0) == ["0 events, 0 calendars"]


@pytest.mark.parametrize(
    ("sources", "fact"),
    [
        (["team/anna.ics"], "from team/anna.ics"),
        (["team/anna.ics", "team/bruno.ics"], "from team: anna.ics, bruno.ics"),
        (["a.ics", "b.ics", "c.ics", "d.ics"], "from a.ics, b.ics and 2 more"),
    ],
)
def test_sources_name_their_folder_once(sources: list[str], fact: str) -> None:
    assert describe_facts(COVERAGE, [], sources, 1, 1)[-1] == fact


@pytest.mark.parametrize(
    ("sources", "folder"),
    [
        ([], ""),
        (["a.ics"], ""),
        (["a/b/c.ics", "a/b/d/e.ics"], "a/b/"),
        (["ab/c.ics", "a/c.ics"], ""),
        (["/a.ics", "/b/c.ics"], "/"),
        (["/a/b.ics", "a/b.ics"], ""),
        (["a/b.ics", "b.ics"], ""),
    ],
)
def test_common_folder_is_that_of_all_sources(sources: list[str], folder: str) -> None:
    assert common_folder(sources) == folder


def test_notes_have_what_lies_outside_and_what_is_not_listed() -> None:
    assert describe_omissions(Outside(3, START, START + DAY), COVERAGE, 1) == [
        "3 events or series lie outside of this time (start: 16-17 Nov 2026).",
        "1 event without a conflict not shown.",
    ]
    assert describe_omissions(None, COVERAGE, 0) == []


def test_notes_have_the_first_problems_of_a_cluster() -> None:
    one = replace(COVERAGE, problems=["there is no calendar a\x1b: nothing conflicts on it"])
    note = "There is no calendar a\\x1b: nothing conflicts on it."
    assert describe_omissions(None, one, 0) == [note]
    several = replace(COVERAGE, problems=["a"] * 7)
    assert describe_omissions(None, several, 0) == [*["A."] * 5, "And 2 more."]
