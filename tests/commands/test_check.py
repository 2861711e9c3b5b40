"""`check` within this process: output, faults and exit codes."""

import json
from pathlib import Path

import click
import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.commands import check
from double_booked.commands.check_output import OutputOptions
from double_booked.commands.engine import make_options
from double_booked.commands.errors import ERROR, Failure, LimitError
from double_booked.commands.input_options import InputOptions

MORNING = {"start": "2026-11-16T09:00:00Z", "end": "2026-11-16T11:00:00Z"}
NOON = {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"}
BACKWARDS = {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T11:00:00Z"}
LINE = json.dumps(MORNING | {"id": "a"}).encode() + b"\n"


def file_of(folder: Path, *events: dict[str, object]) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps({"events": events}))
    return str(path)


def run(
    *files: str, output_format: str = "text", skip_unreadable: bool = False, strict: bool = False
) -> int:
    inputs = InputOptions(skip_unreadable=skip_unreadable, strict=strict)
    output = OutputOptions(output_format)
    return check.run(files, ConflictOptions(), None, output, inputs=inputs)


def faults(*files: str) -> tuple[str, ...]:
    """Return the faults of a strict check that must fail."""
    with pytest.raises(Failure) as raised:
        run(*files, strict=True)
    return raised.value.faults


def faults_of(folder: Path, content: bytes) -> list[str]:
    """Return the faults of a file's content, without the name of the file."""
    path = folder / "content"
    path.write_bytes(content)
    return [fault.removeprefix(f"{path}: ") for fault in faults(str(path))]


def test_exit_code_reports_whether_there_is_a_conflict(tmp_path: Path) -> None:
    assert run(file_of(tmp_path, MORNING, NOON)) == check.NO_CONFLICT == 0
    assert run(file_of(tmp_path, MORNING, MORNING)) == check.CONFLICTS == 1
    assert Failure.exit_code == 2


def test_events_of_two_files_conflict(tmp_path: Path) -> None:
    assert run(file_of(tmp_path, MORNING), file_of(tmp_path, MORNING)) == check.CONFLICTS


def test_file_given_twice_conflicts_with_itself(tmp_path: Path) -> None:
    path = file_of(tmp_path, NOON)
    assert run(path, path) == check.CONFLICTS


@pytest.mark.parametrize("output_format", ["text", "json"])
@pytest.mark.parametrize("field", ["id", "title"])
def test_text_of_an_event_reaches_the_output_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, output_format: str
) -> None:
    raw = "\x1b]0\x07\x9b31m\u202e[b]z[/q]:cat:"
    hostile = MORNING | {field: raw}
    assert run(file_of(tmp_path, hostile, hostile), output_format=output_format) == 1
    output = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(output)
    assert "[b]z[/q]" in output


def test_json_returns_hostile_text_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = MORNING | {"title": "\x1b[31m[b]Zoë\u202e"}
    run(file_of(tmp_path, hostile, hostile), output_format="json")
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"conflicts": [{"conflictGroup": [hostile, hostile]}]}


def test_faults_name_their_files(tmp_path: Path) -> None:
    good, bad = file_of(tmp_path, NOON, NOON), file_of(tmp_path, MORNING, BACKWARDS)
    event = "an event without a title, 2026-11-16T12:00:00Z"
    assert faults(bad, good, bad) == (
        f"{bad}: events[1].end: the end is before the start ({event})",
        f"{bad}: events[1].end: the end is before the start ({event})",
    )


def test_invalid_events_are_reported_and_the_others_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = file_of(tmp_path, MORNING, BACKWARDS | {"title": "Lunch\x07"}, MORNING)
    assert run(mixed, output_format="json") == ERROR
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["conflicts"]) == 1
    assert captured.err == (
        f"Error: {mixed}: events[1].end: the end is before the start"
        ' (event "Lunch\\x07", 2026-11-16T12:00:00Z); skipped\n'
    )


def test_skip_unreadable_keeps_the_exit_code_of_the_other_events(tmp_path: Path) -> None:
    bad = file_of(tmp_path, BACKWARDS)
    assert run(bad, file_of(tmp_path, NOON), skip_unreadable=True) == check.NO_CONFLICT
    assert run(bad, file_of(tmp_path, NOON, NOON), skip_unreadable=True) == check.CONFLICTS


def test_unreadable_files_do_not_stop_the_check_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, missing = tmp_path / "empty.ics", str(tmp_path / "missing.ics")
    empty.touch()
    good = file_of(tmp_path, MORNING, MORNING)
    assert run(good, str(empty), missing, skip_unreadable=True) == check.CONFLICTS
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"Error: {empty}: it is empty")
    assert second == f"Error: {missing}: No such file or directory"


def test_folder_without_calendars_does_not_stop_the_check_of_others(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    good = file_of(tmp_path, MORNING)
    assert run(str(tmp_path / "none"), good, skip_unreadable=True) == check.NO_CONFLICT


def test_check_fails_if_no_entry_can_be_read(tmp_path: Path) -> None:
    bad, missing = file_of(tmp_path, BACKWARDS), str(tmp_path / "missing.ics")
    with pytest.raises(Failure) as raised:
        run(bad, missing, skip_unreadable=True)
    *reasons, closing = raised.value.faults
    assert len(reasons) == 2
    assert closing == "nothing is left to check: --skip-unreadable skips only a part"


def test_strict_check_writes_nothing_if_an_event_is_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(faults(file_of(tmp_path, MORNING, BACKWARDS, MORNING))) == 1
    assert not capsys.readouterr().out


def test_fault_is_one_line_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Failure("a\x1b[2J\nb", "c").show()
    assert capsys.readouterr().err == "Error: a\\x1b[2J b\nError: c\n"


def test_failure_is_a_click_exception() -> None:
    assert issubclass(Failure, click.ClickException)


@pytest.mark.parametrize("content", [b'{"events": [{"\\ud800": 1}]}', b'{"\\udfff": 1}'])
def test_lone_surrogate_in_a_name_is_an_unknown_field(tmp_path: Path, content: bytes) -> None:
    (fault,) = faults_of(tmp_path, content)
    assert ": no such field; Scheduling.Event" in fault


def test_lone_surrogate_in_json_lines_is_reported_with_its_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, LINE + b'{"\\ud800": 1}')
    assert fault.startswith("line 2: \ud800: no such field")


def test_lone_surrogate_in_a_capacity_is_reported(tmp_path: Path) -> None:
    content = b'{"options": {"capacity": {"\\ud800": 1}}}'
    assert faults_of(tmp_path, content) == ["options: not a Scheduling.ConflictOptions"]


def test_huge_number_in_json_lines_is_reported_with_its_line(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, LINE + b'{"id": ' + b"1" * 10_000 + b"}")
    assert faults == ["line 2: not an Event: a number has too many digits"]


def test_repeated_field_in_json_lines_is_reported_with_its_line(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, LINE + b'{"id": "a", "id": "b"}')
    assert faults == ['line 2: an object has the field "id" twice']


def test_deep_nesting_in_json_lines_is_reported_with_its_line(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, LINE + b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert faults == ["line 2: not an Event: it is nested too deeply"]


def test_json_lines_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "marked.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + LINE * 2)
    assert run(str(path)) == check.CONFLICTS


def test_options_have_only_what_differs_from_the_default() -> None:
    assert make_options(0, {}, explain=False) == ConflictOptions()
    options = make_options(90, {"room": 2}, explain=True)
    assert options.min_gap.seconds == 90
    assert dict(options.capacity) == {"room": 2}
    assert options.explain


def test_overlaps_over_the_limit_are_left_out_unless_requested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    staggered = [
        {
            "start": f"2026-11-16T09:{number // 60:02}:{number % 60:02}Z",
            "end": f"2026-11-16T10:{number // 60:02}:{number % 60:02}Z",
        }
        for number in range(1500)
    ]
    path = file_of(tmp_path, *staggered)
    assert run(path) == check.CONFLICTS
    assert "  ! 09:00:01-09:00:02  1s, 2 at once\n" in capsys.readouterr().out
    with pytest.raises(LimitError, match="MAX_EXPLAINED_MEMBERS"):
        check.run((path,), ConflictOptions(explain=True), None, OutputOptions())
