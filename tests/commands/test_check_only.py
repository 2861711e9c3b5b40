"""`check --only`: conflicts of an invitation with calendars."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "double_booked", "check", "--timezone=UTC", "--from=2026-12-01"]


def calendar(*events: tuple[str, str, str], more: str = "") -> str:
    """Return a calendar of events, each with its name, start and end on 1 December."""
    texts = [
        f"BEGIN:VEVENT\nUID:{name}\nSUMMARY:{name}\nDTSTART:20261201T{start}00Z\n"
        f"DTEND:20261201T{end}00Z\n{more}END:VEVENT\n"
        for name, start, end in events
    ]
    return f"BEGIN:VCALENDAR\n{''.join(texts)}END:VCALENDAR\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "anna.ics").write_text(
        calendar(("Lunch", "1200", "1300"), ("Walk", "1600", "1700"), ("Run", "1600", "1700"))
    )
    (tmp_path / "bruno.ics").write_text(calendar(("Gym", "1230", "1330")))
    (tmp_path / "invite.ics").write_text(calendar(("Talk", "1230", "1300")))
    return tmp_path


def run(
    folder: Path, *arguments: str, code: int = 1, read: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run check; "./" in an argument stands for the folder."""
    ran = subprocess.run(
        [*COMMAND, *(argument.replace("./", f"{folder}/", 1) for argument in arguments)],
        capture_output=True,
        input=read,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran


def titles(output: str) -> list[list[str]]:
    groups = json.loads(output).get("conflicts", [])
    return [[event["title"] for event in group["conflictGroup"]] for group in groups]


def test_only_conflicts_with_the_invitation_are_reported(folder: Path) -> None:
    output = run(folder, "./anna.ics", "./bruno.ics", "--only=./invite.ics", "--format=json").stdout
    assert titles(output) == [["Lunch", "Talk"], ["Talk", "Gym"]]


def test_invitation_may_be_among_the_files(folder: Path) -> None:
    for files in (["./anna.ics", "./invite.ics"], ["./anna.ics", "././invite.ics"]):
        output = run(folder, *files, "--only=./invite.ics", "--format=json").stdout
        assert titles(output) == [["Lunch", "Talk"]]


def test_invitation_may_come_from_standard_input(folder: Path) -> None:
    read = (folder / "invite.ics").read_text()
    output = run(folder, "./anna.ics", "--only=-", "--format=json", read=read).stdout
    assert titles(output) == [["Lunch", "Talk"]]


def test_summary_without_a_conflict_names_the_invitation(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Talk", "0900", "1000")))
    ran = run(folder, "./anna.ics", "--only=./invite.ics", code=0)
    assert ran.stdout.startswith("No conflicts with invite.ics among 4 events")


def test_accepted_event_does_not_conflict_with_its_invitation(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Gym", "1230", "1330")))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)


def test_moved_event_does_not_conflict_with_its_old_time(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Gym", "1300", "1400"), more="SEQUENCE:1\n"))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)
    output = run(folder, "./anna.ics", "./bruno.ics", "--only=./invite.ics", code=0).stdout
    assert output.startswith("No conflicts with invite.ics among 4 events")


def test_invitation_to_a_series_moves_the_series(folder: Path) -> None:
    weekly = "RRULE:FREQ=WEEKLY;COUNT=4\n"
    (folder / "bruno.ics").write_text(calendar(("Gym", "1230", "1330"), more=weekly))
    (folder / "invite.ics").write_text(calendar(("Gym", "1300", "1400"), more=weekly))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)


def test_invitation_to_one_event_of_a_series_keeps_the_others(folder: Path) -> None:
    daily = "RRULE:FREQ=DAILY;COUNT=4\n"
    (folder / "bruno.ics").write_text(calendar(("Gym", "1230", "1330"), more=daily))
    one = "RECURRENCE-ID:20261202T123000Z\n"
    text = calendar(("Gym", "1300", "1400"), more=one).replace("1201T1", "1203T1")
    (folder / "invite.ics").write_text(text)
    output = run(folder, "./bruno.ics", "--only=./invite.ics", "--format=json").stdout
    starts = [event["start"] for event in json.loads(output)["conflicts"][0]["conflictGroup"]]
    assert starts == ["2026-12-03T12:30:00Z", "2026-12-03T13:00:00Z"]


def test_second_invitation_is_rejected(folder: Path) -> None:
    ran = run(folder, "./anna.ics", "--only=./invite.ics", "--only=./other.ics", code=2)
    assert "it may be given once; put several files into a folder" in ran.stderr


def test_invitation_outside_the_window_is_noted(folder: Path) -> None:
    ran = run(folder, "./anna.ics", "--only=./invite.ics", "--from=2027-01-01", code=0)
    assert (
        f"Note: {folder}/invite.ics has no event in the window that takes time;"
        " --from and --to change the window.\n"
    ) in ran.stderr


def test_free_times_are_suggested_for_the_invitation(folder: Path) -> None:
    invite = calendar(("Talk", "1230", "1300"), more="CREATED:20200101T000000Z\n")
    (folder / "invite.ics").write_text(invite)
    output = run(folder, "./anna.ics", "--only=./invite.ics", "--suggest=1").stdout
    assert "> Talk could be 13:00-13:30" in output
    assert "Lunch could be" not in output


def test_invitation_keeps_its_attendees(folder: Path) -> None:
    anna = "ATTENDEE:mailto:anna@example.org\n"
    (folder / "anna.ics").write_text(calendar(("Lunch", "1200", "1300"), more=anna))
    (folder / "invite.ics").write_text(calendar(("Talk", "1230", "1300"), more=anna))
    (folder / "other.ics").write_text(
        calendar(("Talk", "1230", "1300"), more="ATTENDEE:mailto:bruno@example.org\n")
    )
    by = ("./anna.ics", "--by=attendee", "--format=json")
    assert titles(run(folder, *by, "--only=./invite.ics").stdout) == [["Lunch", "Talk"]]
    assert titles(run(folder, *by, "--only=./other.ics", code=0).stdout) == []


@pytest.mark.parametrize("text", ["", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n"])
def test_unreadable_invitation_ends_the_check(folder: Path, text: str) -> None:
    (folder / "no.ics").write_text(text)
    if not text:
        (folder / "no.ics").unlink()
    ran = run(folder, "./anna.ics", "--only=./no.ics", "--skip-unreadable", code=2)
    message = f"Error: {folder}/no.ics: nothing of it can be read, so nothing is checked\n"
    assert ran.stderr.endswith(message)
    assert not ran.stdout
