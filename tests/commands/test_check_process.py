"""`check` as people and scripts run it: input, output, and exit codes."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from commands.programs import (
    COMMAND,
    WEEK,
    WITH_CONFLICT,
    WITHOUT_CONFLICT,
    environment,
    error_of,
    run,
)

SUMMARY = "5 conflicts among 12 of 30 events."

EVENT_FIELDS = "Scheduling.Event has id, title, description, start, end, resources"


def test_conflicts_are_shown_and_the_exit_code_is_1() -> None:
    checked = run("check", WEEK)
    assert (checked.stderr, checked.returncode) == ("", 1)
    assert "  11:30-12:30  Interview: backend engineer" in checked.stdout
    assert checked.stdout.splitlines()[-1] == SUMMARY


def test_endless_standard_input_is_rejected_at_the_limit() -> None:
    with Path("/dev/zero").open("rb") as endless:
        checked = subprocess.run(
            [*COMMAND, "check", "--max-bytes", "1000000"],
            stdin=endless,
            capture_output=True,
            check=False,
            text=True,
        )
    assert checked.returncode == 2
    assert checked.stderr == (
        "Error: standard input: the files have more than 1000000 bytes in all;"
        " --max-bytes sets the limit\n"
    )


def test_pipe_of_a_shell_is_read(files: Path) -> None:
    script = f"{sys.executable} -m double_booked check <(cat {files}/free.json)"
    checked = subprocess.run(
        ["/bin/bash", "-c", script], capture_output=True, check=False, text=True
    )
    assert checked.returncode == 0
    assert checked.stdout.startswith("No conflicts among 1 event in /dev/fd/")


def test_no_conflict_is_shown_and_the_exit_code_is_0(files: Path) -> None:
    checked = run("check", files / "free.json")
    assert (checked.stdout, checked.returncode) == (
        f"No conflicts among 1 event in {files / 'free.json'}.\n",
        0,
    )


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_is_read(arguments: tuple[str, ...]) -> None:
    checked = run("check", *arguments, content=WITH_CONFLICT)
    assert checked.stdout.splitlines()[-1] == "1 conflict among 2 of 2 events."


def test_several_files_are_one_list(files: Path) -> None:
    checked = run("check", files / "free.json", "-", content=WITHOUT_CONFLICT)
    assert checked.stdout.splitlines()[-1] == "1 conflict among 2 of 2 events."


def test_event_without_a_name_is_shown_by_its_place_in_the_file(files: Path) -> None:
    nameless = WITHOUT_CONFLICT.replace(b'"C"', b'""')
    checked = run("check", files / "free.json", "-", content=nameless)
    assert "standard input: events[0]" in checked.stdout


@pytest.mark.parametrize("variables", [{}, {"COLUMNS": "40"}, {"TERM": "dumb"}])
def test_output_to_a_pipe_is_whole_and_has_no_colours(variables: dict[str, str]) -> None:
    name = "a rollback plan, " * 20
    content = WITH_CONFLICT.replace(b'"A"', f'"{name}"'.encode())
    checked = run("check", content=content, **variables)
    assert "\x1b" not in checked.stdout
    assert checked.stdout.count(name.strip()) == 2
    assert checked.stdout.count("standard input: events[0]") == 1


def test_forced_colours_do_not_cut_the_output() -> None:
    """GitHub's runners and others set FORCE_COLOR, where nobody resizes a window."""
    content = WITH_CONFLICT.replace(b'"A"', b'"' + b"A" * 300 + b'"')
    checked = run("check", content=content, FORCE_COLOR="1", TERM="xterm")
    assert "\x1b[1m" in checked.stdout
    assert checked.stdout.count("A" * 300) == 2


def test_columns_variable_sets_the_width_of_a_terminal() -> None:
    ours, theirs = pty.openpty()
    variables = environment(COLUMNS="40", TERM="xterm", NO_COLOR="1")
    ran = subprocess.run([*COMMAND, "check", WEEK], stdout=theirs, env=variables, check=False)
    os.close(theirs)
    output = b""
    with suppress(OSError):  # Linux reports the end of a terminal as an error
        while part := os.read(ours, 4096):
            output += part
    os.close(ours)
    lines = re.sub(r"\x1b\[\d*m", "", output.decode()).splitlines()
    assert ran.returncode == 1
    assert len(lines) > 20
    assert max(len(line) for line in lines if "week.json: " not in line) <= 40  # never cut


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    content = WITH_CONFLICT.replace(b'"A"', '"Zoë ☕"'.encode())
    checked = run("check", content=content, PYTHONIOENCODING="ascii")
    assert (checked.stderr, checked.returncode) == ("", 1)
    assert "Zo? ?" in checked.stdout


def test_json_is_a_conflict_list(files: Path) -> None:
    checked = run("check", "--format", "json", files / "conflict.json")
    assert checked.returncode == 1
    assert json.loads(checked.stdout) == {
        "conflicts": [{"conflictGroup": json.loads(WITH_CONFLICT)["events"]}]
    }
    assert run("check", "--format", "json", files / "free.json").stdout == "{}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken.json", "line 2, column 7: not JSON: Expecting ':' delimiter"),
        ("empty.json", 'it is empty; a list without events is {"events": []}'),
        ("latin.json", "line 1: the text is not UTF-8"),
        ("missing.json", "No such file or directory"),
        (
            "field.json",
            f"events[0].begin: no such field; {EVENT_FIELDS} (an event without a title)",
        ),
    ],
)
def test_unusable_file_is_reported_with_the_reason(files: Path, name: str, message: str) -> None:
    error = error_of("check", "--strict", files / "free.json", files / name)
    assert error == f"{files / name}: {message}"


def test_faults_of_times_are_one_line_each_with_file_and_field(files: Path) -> None:
    faults = files / "faults.json"
    event = "an event without a title, 2026-11-16T12:00:00Z"
    assert error_of("check", "--strict", files / "conflict.json", faults).splitlines() == [
        f"{faults}: events[1].end: the end is missing ({event})",
        f"{faults}: events[2].end: the end is before the start ({event})",
    ]


def test_only_the_first_hundred_faults_are_listed() -> None:
    events = json.dumps({"events": [{"start": "2026-11-16T12:00:00Z"}] * 250})
    lines = error_of("check", content=events.encode()).splitlines()
    assert lines[-1] == "these are the first 100 of 250 faults"


def test_control_characters_of_a_file_name_are_escaped(tmp_path: Path) -> None:
    # A bell and a C1 control; click itself takes colours out of what is no terminal's.
    error = error_of("check", tmp_path / "\x07\x9b31m.json")
    assert error.endswith("\\x07\\x9b31m.json: No such file or directory")


@pytest.mark.parametrize("content", [b"[" * 100_000, b"1" * 10_000, b'{"events": NaN}', b"\0"])
def test_hostile_json_is_a_one_line_error(content: bytes) -> None:
    assert error_of("check", content=content).startswith("standard input: ")
    assert len(error_of("check", content=content).splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--format", "xml"), ("--nonsense",)])
def test_invalid_usage_has_exit_code_2(arguments: tuple[str, ...]) -> None:
    checked = run("check", *arguments)
    assert checked.returncode == 2
    assert checked.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_output_closed_early_is_not_an_error(tmp_path: Path, output_format: str) -> None:
    event = {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"}
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"events": [event] * 2000}))
    with subprocess.Popen(
        [*COMMAND, "check", "--format", output_format, file],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_unwritable_output_is_an_error(output_format: str) -> None:
    with Path(os.devnull).open("rb") as only_for_reading:
        failed = subprocess.run(
            [*COMMAND, "check", "--format", output_format, WEEK],
            stdout=only_for_reading,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert failed.stderr == "Error: standard output: Bad file descriptor\n"
    assert failed.returncode == 2


def test_lone_surrogate_has_exit_code_2() -> None:
    error = error_of("check", content=b'{"events": [{"\\ud800": 1}]}')
    where = "standard input: events[0].\\ud800"
    assert error == f"{where}: no such field; {EVENT_FIELDS} (an event without a title)"
