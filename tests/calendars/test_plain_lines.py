"""Plain lines are split as icalendar splits them; others are left to it unless they are huge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar.parser import Contentline

from double_booked.calendars.plain_lines import MAX_ODD_HEAD, has_long_head, split_plain

CHARACTERS = 'Ab1-;:,="\\^ é/.\t\x07'


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("summary:Lunch: now; or, never", ("SUMMARY", {}, "Lunch: now; or, never")),
        (
            'DTSTART;TZID="W. Europe Standard Time":20261201T090000',
            ("DTSTART", {"TZID": "W. Europe Standard Time"}, "20261201T090000"),
        ),
        (
            'ATTENDEE;cn="Smith; Ann: x";ROLE=CHAIR:mailto:a@b.example',
            ("ATTENDEE", {"CN": "Smith; Ann: x", "ROLE": "CHAIR"}, "mailto:a@b.example"),
        ),
        ('X;MEMBER="mailto:a","mailto:b":y', ("X", {"MEMBER": "mailto:a,mailto:b"}, "y")),
        ("X;A=1;A=2:", ("X", {"A": "2"}, "")),
        ("X;A=:y", ("X", {"A": ""}, "y")),
    ],
)
def test_a_plain_line_is_split(line: str, parts: tuple[str, dict[str, str], str]) -> None:
    assert split_plain(line) == parts


@pytest.mark.parametrize(
    "line", ["lunch", ":", ";A=1:x", "X;A:y", 'X;A="b:y', 'X;A="b"c:y', "X;A=b^nc:y", "X:\x07"]
)
def test_an_unusual_line_is_not_split(line: str) -> None:
    assert split_plain(line) is None


@given(st.text(CHARACTERS, max_size=12), st.text(CHARACTERS, max_size=8))
def test_a_plain_line_is_split_as_icalendar_does(head: str, value: str) -> None:
    line = f"X;P={head}:{value}"
    parts = split_plain(line)
    if parts:
        name, parameters, their_value = Contentline(line).raw_parts()  # type: ignore[no-untyped-call]
        theirs = {
            key.upper(): ",".join(value) if isinstance(value, list) else value
            for key, value in parameters.items()
        }
        # It strips blanks around values without quotes.
        blank = {key: value.replace(" ", "") for key, value in parts[1].items()}
        assert blank == {key: value.replace(" ", "") for key, value in theirs.items()}
        assert (parts[0], parts[2]) == (name.upper(), their_value)


@pytest.mark.parametrize(
    ("line", "is_long"),
    [
        (f"X;A={'b' * MAX_ODD_HEAD}:y", True),
        (f'X;A="{":" * MAX_ODD_HEAD}":y', True),
        (f'X;A="b:{"y" * MAX_ODD_HEAD}', True),
        (f"X;A=b;{'y;' * MAX_ODD_HEAD}", True),
        (f'X;A="b:c":{"y" * MAX_ODD_HEAD}', False),
        (f"X:{'y;' * MAX_ODD_HEAD}", False),
        ("X;A=b:y", False),
    ],
)
def test_only_name_and_parameters_count_as_head(line: str, is_long: bool) -> None:  # noqa: FBT001 - a case
    assert has_long_head(line) is is_long
