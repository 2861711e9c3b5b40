"""Text of events cannot control a terminal."""

import pytest

from double_booked.view.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Stand-up", "Stand-up"),
        ("Zoë ↔ 山田 👩‍💻", "Zoë ↔ 山田 👩‍💻"),
        ("two\nlines\tand\r\nmore  ", "two lines and more"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31mred", "\\x9b31mred"),
        ("bell\x07 backspace\x08", "bell\\x07 backspace\\x08"),
        ("\u202eturned\u2066", "\\u202eturned\\u2066"),
        ("line\u2028separator", "line separator"),
        ("lone \ud800", "lone \\ud800"),
        (" \n ", ""),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
