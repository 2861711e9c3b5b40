"""`check --only`: does an invitation clash with the calendars?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "double_booked", "check", "--timezone=UTC", "--from=2026-12-01"]


def calendar(*events: tuple[str, str, str], more: str = "") -> str:
    """Each event by its name, and from and up to what time of 1 December."""
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
    """Run check, where "./" in an argument is the folder."""
    ran = subprocess.run(
        [*COMMAND, *(each.replace("./", f"{folder}/", 1) for each in arguments)],
        capture_output=True,
        input=read,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran


def titles(said: str) -> list[list[str]]:
    groups = json.loads(said).get("conflicts", [])
    return [[event["title"] for event in group["conflictGroup"]] for group in groups]


def test_only_conflicts_with_the_invitation_are_told(folder: Path) -> None:
    said = run(folder, "./anna.ics", "./bruno.ics", "--only=./invite.ics", "--format=json").stdout
    assert titles(said) == [["Lunch", "Talk"], ["Talk", "Gym"]]


def test_the_invitation_may_be_among_the_files(folder: Path) -> None:
    for files in (["./anna.ics", "./invite.ics"], ["./anna.ics", "././invite.ics"]):
        said = run(folder, *files, "--only=./invite.ics", "--format=json").stdout
        assert titles(said) == [["Lunch", "Talk"]]


def test_the_invitation_may_come_from_standard_input(folder: Path) -> None:
    read = (folder / "invite.ics").read_text()
    said = run(folder, "./anna.ics", "--only=-", "--format=json", read=read).stdout
    assert titles(said) == [["Lunch", "Talk"]]


def test_without_a_conflict_the_summary_names_the_invitation(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Talk", "0900", "1000")))
    ran = run(folder, "./anna.ics", "--only=./invite.ics", code=0)
    assert ran.stdout.startswith("No conflicts with invite.ics among 4 events")


def test_an_event_that_was_accepted_does_not_clash_with_itself(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Gym", "1230", "1330")))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)


def test_an_invitation_that_moves_an_event_does_not_clash_with_its_old_time(folder: Path) -> None:
    (folder / "invite.ics").write_text(calendar(("Gym", "1300", "1400"), more="SEQUENCE:1\n"))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)
    said = run(folder, "./anna.ics", "./bruno.ics", "--only=./invite.ics", code=0).stdout
    assert said.startswith("No conflicts with invite.ics among 4 events")


def test_an_invitation_to_a_series_moves_the_series(folder: Path) -> None:
    weekly = "RRULE:FREQ=WEEKLY;COUNT=4\n"
    (folder / "bruno.ics").write_text(calendar(("Gym", "1230", "1330"), more=weekly))
    (folder / "invite.ics").write_text(calendar(("Gym", "1300", "1400"), more=weekly))
    run(folder, "./bruno.ics", "--only=./invite.ics", code=0)


def test_an_invitation_to_one_of_a_series_leaves_the_others(folder: Path) -> None:
    daily = "RRULE:FREQ=DAILY;COUNT=4\n"
    (folder / "bruno.ics").write_text(calendar(("Gym", "1230", "1330"), more=daily))
    one = "RECURRENCE-ID:20261202T123000Z\n"
    text = calendar(("Gym", "1300", "1400"), more=one).replace("1201T1", "1203T1")
    (folder / "invite.ics").write_text(text)
    said = run(folder, "./bruno.ics", "--only=./invite.ics", "--format=json").stdout
    starts = [each["start"] for each in json.loads(said)["conflicts"][0]["conflictGroup"]]
    assert starts == ["2026-12-03T12:30:00Z", "2026-12-03T13:00:00Z"]


def test_only_one_invitation_may_be_given(folder: Path) -> None:
    ran = run(folder, "./anna.ics", "--only=./invite.ics", "--only=./other.ics", code=2)
    assert "it may be given once; put several files into a folder" in ran.stderr


def test_an_invitation_that_is_not_looked_at_is_told(folder: Path) -> None:
    ran = run(folder, "./anna.ics", "--only=./invite.ics", "--from=2027-01-01", code=0)
    assert (
        f"Note: {folder}/invite.ics has no event in the window that takes time;"
        " --from and --to change the window.\n"
    ) in ran.stderr


def test_the_invitation_is_what_should_move(folder: Path) -> None:
    invite = calendar(("Talk", "1230", "1300"), more="CREATED:20200101T000000Z\n")
    (folder / "invite.ics").write_text(invite)
    said = run(folder, "./anna.ics", "--only=./invite.ics", "--suggest=1").stdout
    assert "> Talk could be 13:00-13:30" in said
    assert "Lunch could be" not in said


def test_attendees_are_those_of_the_invitation(folder: Path) -> None:
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
def test_where_the_invitation_cannot_be_read_nothing_is_checked(folder: Path, text: str) -> None:
    (folder / "no.ics").write_text(text)
    if not text:
        (folder / "no.ics").unlink()
    ran = run(folder, "./anna.ics", "--only=./no.ics", "--skip-unreadable", code=2)
    said = f"Error: {folder}/no.ics: nothing of it can be read, so nothing is checked\n"
    assert ran.stderr.endswith(said)
    assert not ran.stdout
