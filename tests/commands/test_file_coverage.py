"""What `check` covers is what the files have, free calendars and events outside included."""

from datetime import UTC, datetime
from pathlib import Path

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.merging import merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.commands.file_coverage import cover_files
from double_booked.conflicts.instants import to_instant
from double_booked.recurrence.calendar_times import Window
from double_booked.view.coverage import CalendarRules, Coverage, Outside

START, END = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
READING = ReadOptions(CalendarOptions(Window(START, END), UTC))
OLD = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20261101T090000Z\nEND:VEVENT\nEND:VCALENDAR\n"
TABLE = "title,start,end,resources\nFair,2026-12-08 09:00,2026-12-08 10:00,hall\n"


def cover(folder: Path, options: ConflictOptions | None = None, **contents: str) -> Coverage:
    files = []
    for name, content in contents.items():
        path = folder / name.replace("_", ".")
        path.write_text(content)
        files.append(read_file(str(path), path.stem, READING))
    return cover_files(merge_files(files, options or ConflictOptions()), READING)


def test_calendars_without_events_are_covered_too(tmp_path: Path) -> None:
    coverage = cover(tmp_path, ConflictOptions(capacity={"hall": 2}), anna_ics=OLD, b_csv=TABLE)
    assert coverage.calendars == [CalendarRules("anna"), CalendarRules("hall", 2)]
    assert [Path(source).name for source in coverage.sources] == ["anna.ics", "b.csv"]


def test_events_outside_of_the_window_are_counted(tmp_path: Path) -> None:
    start = to_instant(datetime(2026, 11, 1, 9, tzinfo=UTC))
    other = OLD.replace("UID:1", "UID:2")
    assert cover(tmp_path, a_ics=OLD, b_ics=OLD, c_ics=other).outside == Outside(2, start, start)


def test_window_is_that_of_files_with_series(tmp_path: Path) -> None:
    assert cover(tmp_path, b_csv=TABLE).window is None
    window = cover(tmp_path, anna_ics=OLD, b_csv=TABLE).window
    assert window == (to_instant(START), to_instant(END))
