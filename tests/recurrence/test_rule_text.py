"""Oddities of rules that have only one meaning are read and noted."""

import pytest

from double_booked.recurrence.rule_text import clean_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("FREQ=DAILY;COUNT=2", {"FREQ": "DAILY", "COUNT": "2"}),
        ("freq=daily", {"FREQ": "DAILY"}),
        ("FREQ=DAILY;", {"FREQ": "DAILY"}),
        ("FREQ", {"FREQ": ""}),
    ],
)
def test_usual_rules_cause_no_note(text: str, parts: dict[str, str]) -> None:
    notes: list[str] = []
    assert clean_parts(text, notes.append) == parts
    assert not notes


@pytest.mark.parametrize(
    ("text", "parts", "note"),
    [
        (
            "FREQ=WEEKLY;BYDAY=MO, TU",
            {"FREQ": "WEEKLY", "BYDAY": "MO,TU"},
            "blanks within a rule are ignored",
        ),
        ("FREQ=DAILY;COUNT=-1", {"FREQ": "DAILY"}, "COUNT=-1 is read as no count"),
        ("FREQ=DAILY;X-A=1", {"FREQ": "DAILY"}, "X-A of a rule is ignored"),
        ("FREQ=DAILY;UNTIL=", {"FREQ": "DAILY"}, "UNTIL of a rule is ignored: it has no value"),
        (
            "FREQ=DAILY;BYDAY=,",
            {"FREQ": "DAILY"},
            "BYDAY of a rule is ignored: it has no value",
        ),
    ],
)
def test_an_oddity_is_cleaned_and_noted(text: str, parts: dict[str, str], note: str) -> None:
    notes: list[str] = []
    assert clean_parts(text, notes.append) == parts
    assert notes == [note]


def test_a_repeated_part_is_rejected() -> None:
    with pytest.raises(ValueError, match="COUNT occurs twice"):
        clean_parts("FREQ=DAILY;COUNT=1;count=2", lambda _: None)
