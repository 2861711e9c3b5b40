"""Skipped parts are listed, and many of one kind are counted."""

from double_booked.calendars.skipped import (
    MAX_KINDS,
    MAX_OF_A_KIND,
    SHOWN_OF_A_KIND,
    Skipped,
    summarize,
)


def bad_times(count: int) -> list[Skipped]:
    """Yield faults of one kind, each with its own line and text."""
    return [
        Skipped(line, f"DTEND: '2026{line}' is not a time", f"Event {line}", "20261128")
        for line in range(1, count + 1)
    ]


def test_a_skipped_event_is_named_with_its_fault() -> None:
    [sentence] = summarize([Skipped(9, "DTEND: 'x' is not a time", "Dentist", "20261128T120000Z")])
    assert (
        sentence
        == "line 9: DTEND: 'x' is not a time (event \"Dentist\", 20261128T120000Z); skipped"
    )


def test_an_event_without_title_is_named_so() -> None:
    [sentence] = summarize([Skipped(None, "events[2]: not an object", "")])
    assert sentence == "events[2]: not an object (an event without a title); skipped"


def test_another_skipped_part_is_named_by_its_fault() -> None:
    assert [*summarize([Skipped(2, "END:VEVENT ends nothing")])] == [
        "line 2: END:VEVENT ends nothing"
    ]


def test_a_few_faults_of_a_kind_are_all_listed() -> None:
    assert len([*summarize(bad_times(MAX_OF_A_KIND))]) == MAX_OF_A_KIND


def test_many_faults_of_a_kind_are_counted() -> None:
    other = Skipped(99, "an event without DTSTART", "Lunch")
    sentences = [*summarize([*bad_times(40), other])]
    assert sentences[SHOWN_OF_A_KIND] == f"and {40 - SHOWN_OF_A_KIND} more like it"
    assert sentences[SHOWN_OF_A_KIND + 1 :] == [f"{other}; skipped"]
    assert "Event 1" in sentences[0]


def test_many_kinds_of_faults_are_counted() -> None:
    words = [f"unknown part {chr(65 + number)}" for number in range(MAX_KINDS + 4)]
    sentences = [*summarize([Skipped(1, word) for word in words])]
    assert sentences[MAX_KINDS:] == ["and 4 more faults of other kinds"]
