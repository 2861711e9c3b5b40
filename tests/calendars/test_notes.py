"""Notes with the same text become one sentence."""

from double_booked.calendars.notes import Notes


def test_notes_with_the_same_text_are_counted() -> None:
    notes = Notes()
    notes.add(3, "a")
    for line in (4, 9, 9, 12):
        notes.add(line, "b")
    assert notes.sentences() == ("line 3: a", "line 4 and 2 more lines: b")


def test_a_note_about_two_lines_has_a_singular() -> None:
    notes = Notes()
    notes.add(3, "a")
    notes.add(5, "a")
    assert notes.sentences() == ("line 3 and 1 more line: a",)
