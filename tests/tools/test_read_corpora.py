"""Test the report of `tools/read_corpora.py`."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "read_corpora.py"
EVENT = "BEGIN:VEVENT\nUID:{}\nDTSTART:{}\nEND:VEVENT"


def write(file: Path, *lines: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR\n"]))


def tables(folder: Path, *arguments: str, code: int = 0) -> list[str]:
    ran = subprocess.run(
        [sys.executable, TOOL, folder, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == code, ran.stderr
    return ran.stdout.splitlines()


def test_rejected_inputs_are_counted_by_reason(tmp_path: Path) -> None:
    good, bad = EVENT.format(1, "20200103T090000Z"), EVENT.format(2, "soon")
    write(tmp_path / "peer" / "good.ics", good)
    write(tmp_path / "peer" / "one.ICS", good, bad)
    write(tmp_path / "other" / "two.ics", good, bad.replace("soon", "later"))
    (tmp_path / "other" / "none.ics").write_text("no calendar")
    lines = tables(tmp_path)
    assert "4 files of calendars: 2 refused in part, 1 refused, 1 read" in lines
    reason = "DTSTART: '...' is not a time like NTN or N  (for example other/two.ics)"
    assert f"    2  {reason}" in lines


def test_rules_are_read_from_any_file(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text(
        'ours = "FREQ=DAILY;COUNT=3"\nRRULE:FREQ=DAILY;COUNT=3\nRRULE:FREQ=FORTNIGHTLY\n'
    )
    assert "2 recurrence rules: 1 read, 1 refused in part" in tables(tmp_path)


def test_an_input_that_takes_too_long_fails(tmp_path: Path) -> None:
    write(tmp_path / "a.ics", EVENT.format(1, "20200103T090000Z"))
    lines = tables(tmp_path, "0.000001", code=1)
    assert "1 files of calendars: 1 broken" in lines
    assert any(line.startswith("BROKEN a.ics: TimeoutError at ") for line in lines)
