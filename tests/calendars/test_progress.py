"""Every reader reports how much of a file it has read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from double_booked.calendars.file_reader import read_file
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.recurrence.calendar_times import Window

NUMBER = 640
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
START, END = "2026-11-16T09:00:00Z", "2026-11-16T10:00:00Z"
EVENT = json.dumps({"title": "A", "start": START, "end": END})
VEVENT = "BEGIN:VEVENT\nUID:{}\nDTSTART:20261116T090000Z\nEND:VEVENT\n"
VEVENTS = "".join(map(VEVENT.format, range(NUMBER)))


@pytest.mark.parametrize(
    "content",
    [
        f"BEGIN:VCALENDAR\n{VEVENTS}END:VCALENDAR\n",
        "title,start,end\n" + f"A,{START},{END}\n" * NUMBER,
        f"{EVENT}\n" * NUMBER,
        f"[{','.join([EVENT] * NUMBER)}]",
    ],
    ids=["ics", "csv", "lines", "array"],
)
def test_progress_grows_from_the_begin_to_the_end_of_a_file(tmp_path: Path, content: str) -> None:
    parts: list[float] = []
    options = ReadOptions(replace(CalendarOptions(YEAR, UTC), progress=parts.append))
    path = tmp_path / "file"
    path.write_text(content)
    assert len(read_file(str(path), "file", options).events) == NUMBER
    assert parts == sorted(parts)
    assert parts[0] < 0.25
    assert 0.85 < parts[-1] <= 1
