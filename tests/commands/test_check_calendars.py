"""`check` on calendars, as people run it: input, output and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from icalendar import Calendar

from calendars.web_site import Answer, serving

TEAM = Path(__file__).parents[2] / "examples" / "team"
COMMAND = [sys.executable, "-m", "double_booked", "check", "--timezone=Europe/Berlin"]
WEEK = ("--from=2026-11-16", "--to=2026-11-22")
DAYS = "16-22 Nov 2026"
SUMMARY = "6 conflicts among 12 of 28 events of 5 calendars."


def run(*arguments: str | Path, code: int = 1) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == code, ran.stderr
    return ran


def test_folder_of_calendars_is_checked_within_a_window() -> None:
    ran = run(TEAM, *WEEK)
    assert ran.stdout.endswith(f"{SUMMARY}\n")
    assert "anna: 2 events, double-booked for 15m" in ran.stdout
    assert ran.stderr == (
        "Note: 1 event or series is outside of 2026-11-16 00:00 to 2026-11-23 00:00 and not"
        " checked; --from and --to change that.\n"
    )


def test_window_of_calendars_defaults_to_ninety_days_from_today(tmp_path: Path) -> None:
    """Whichever day is today, a daily series has ninety events in the window."""
    event = "BEGIN:VEVENT\nUID:{0}\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY\nEND:VEVENT"
    lines = ["BEGIN:VCALENDAR", *(event.format(uid) for uid in "ab"), "END:VCALENDAR"]
    (tmp_path / "a.ics").write_text("\n".join(lines))
    output = json.loads(run(tmp_path, "--format=json").stdout)
    assert len(output["conflicts"]) == 90


def test_by_chooses_what_events_occupy() -> None:
    ran = run(TEAM, *WEEK, "--by=attendee", "--format=json")
    resources = [group["resource"] for group in json.loads(ran.stdout)["conflicts"]]
    assert resources == ["anna@example.org", "bruno@example.org"]
    assert (
        "Note: 17 events have no attendee and are not checked; --by file checks all events.\n"
        in ran.stderr
    )


@pytest.mark.parametrize("option", ["--exit-zero", "--fail-on=none"])
def test_fail_on_none_exits_with_0_despite_conflicts(option: str) -> None:
    assert run(TEAM, *WEEK, option, code=0).stdout.endswith(f"{SUMMARY}\n")


@pytest.mark.parametrize(
    ("option", "code"), [("--fail-on=any", 0), ("--fail-on=none", 0), ("--fail-on=empty", 1)]
)
def test_fail_on_empty_exits_with_1_without_events(option: str, code: int) -> None:
    ran = run(TEAM, "--from=2020-01-01", "--format=json", option, code=code)
    assert ran.stdout == "{}\n"
    note = "Note: no event was checked, so the exit code is 1 (--fail-on empty).\n"
    assert ran.stderr.endswith(note) is (code == 1)


def test_fail_on_empty_exits_with_1_for_conflicts_and_0_without(tmp_path: Path) -> None:
    run(write(tmp_path / "a.ics", NINE), *WEEK, "--fail-on=empty", code=0)
    run(write(tmp_path / "a.ics", NINE, NINE), *WEEK, "--fail-on=empty", code=1)


def test_tentative_events_are_ignored_on_request(tmp_path: Path) -> None:
    event = "BEGIN:VEVENT\nUID:{0}\nDTSTART:20261116\nSTATUS:TENTATIVE\nEND:VEVENT"
    lines = ["BEGIN:VCALENDAR", *(event.format(uid) for uid in "ab"), "END:VCALENDAR"]
    (tmp_path / "a.ics").write_text("\n".join(lines))
    run(tmp_path, *WEEK)
    run(tmp_path, *WEEK, "--ignore-tentative", code=0)


@pytest.mark.parametrize(
    ("option", "code", "replacement"),
    [
        ("--format-in=ics", 1, "--input-format"),
        ("--format-in=csv", 2, "--input-format"),
        ("--count-tentative=yes", 1, "--ignore-tentative"),
        ("--count-tentative=no", 0, "--ignore-tentative"),
    ],
)
def test_deprecated_option_works_and_names_its_replacement(
    tmp_path: Path, option: str, code: int, replacement: str
) -> None:
    event = f"{NINE} STATUS:TENTATIVE"
    ran = run(write(tmp_path / "a.ics", event, event), *WEEK, option, code=code)
    flag = option.partition("=")[0]
    assert ran.stderr.startswith(f"Warning: {flag} is deprecated; use {replacement}\n")
    help_text = run("--help", code=0).stdout
    assert f"  {replacement} " in help_text
    assert f"  {flag} " not in help_text


def write(path: Path, *events: str) -> Path:
    """Write a calendar of events whose lines are separated by blanks."""
    inside = [
        line
        for number, event in enumerate(events)
        for line in ("BEGIN:VEVENT", f"UID:{path.stem}{number}", *event.split(), "END:VEVENT")
    ]
    path.write_text("\n".join(["BEGIN:VCALENDAR", *inside, "END:VCALENDAR"]))
    return path


NINE = "DTSTART:20261116T090000Z DURATION:PT1H"


def test_tentative_answers_are_ignored_on_request(tmp_path: Path) -> None:
    answered = f"{NINE} ATTENDEE;PARTSTAT=TENTATIVE:mailto:a@b.c ATTENDEE:mailto:d@b.c"
    file = write(tmp_path / "a.ics", answered, f"{NINE} ATTENDEE:mailto:a@b.c")
    run(file, *WEEK, "--by=attendee")
    run(file, *WEEK, "--by=attendee", "--ignore-tentative", code=0)
    run(file, *WEEK, "--me=a@b.c", "--ignore-tentative", code=0)


def test_events_of_whole_days_are_ignored_on_request(tmp_path: Path) -> None:
    file = write(tmp_path / "a.ics", "DTSTART;VALUE=DATE:20261116", NINE)
    run(file, *WEEK)
    run(file, *WEEK, "--ignore-all-day", code=0)


def test_declined_events_of_the_owner_are_ignored(tmp_path: Path) -> None:
    declined = f"{NINE} ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c ATTENDEE:mailto:d@b.c"
    file = write(tmp_path / "a.ics", declined, NINE)
    run(file, *WEEK)
    run(file, *WEEK, "--me=mailto:A@b.c", code=0)
    run(file, *WEEK, "--me=x@b.c", "--me=a@b.c", code=0)
    run(file, *WEEK, "--me=d@b.c")


def test_rooms_of_calendars_match_in_any_spelling(tmp_path: Path) -> None:
    write(tmp_path / "a.ics", f"{NINE} LOCATION:Blue\\;Red")
    write(tmp_path / "b.ics", f"{NINE} LOCATION:RED")
    output = run(tmp_path, *WEEK, "--by=location").stdout
    assert "Red: 2 events, double-booked for 1h" in output
    run(tmp_path, *WEEK, "--by=location", "--capacity=red=2", code=0)


def test_folder_with_one_event_a_file_is_one_calendar(tmp_path: Path) -> None:
    """Check a folder as khal, vdirsyncer and Radicale store it."""
    home = tmp_path / "home"
    home.mkdir()
    for name in "ab":
        write(home / f"{name}.ics", NINE)
    ran = run(tmp_path, *WEEK)
    assert "home: 2 events, double-booked for 1h" in ran.stdout
    assert ran.stderr == (
        f"Note: {home} is read as one calendar, because each of its 2 files has one event;"
        " --by file separates them.\n"
    )
    for separate in ((tmp_path, "--by=file"), (home / "a.ics", home / "b.ics")):
        ran = run(*separate, *WEEK, code=0)
        assert (ran.stdout, ran.stderr) == (
            f"No conflicts among 2 events of 2 calendars, {DAYS}.\n",
            "",
        )


def test_folder_named_after_an_address_belongs_to_that_person(tmp_path: Path) -> None:
    declined = f"{NINE} ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c ATTENDEE:mailto:d@b.c"
    (tmp_path / "a@b.c").mkdir()
    write(tmp_path / "a@b.c" / "1.ics", NINE)
    write(tmp_path / "a@b.c" / "2.ics", declined)
    run(tmp_path, *WEEK, code=0)


def test_merge_makes_all_files_one_calendar(tmp_path: Path) -> None:
    files = [write(tmp_path / name, NINE) for name in ("work.ics", "private.ics")]
    table = tmp_path / "trips.csv"
    table.write_text("title,start,end,resources\nVisit,2026-11-16 09:00,2026-11-16 11:00,car\n")
    output = run(*files, *WEEK, code=0).stdout
    assert output == f"No conflicts among 2 events of 2 calendars, {DAYS}.\n"
    output = run(*files, table, *WEEK, "--merge", "--timezone=UTC").stdout
    assert "all files: 3 events, double-booked for 1h" in output
    assert output.endswith("3 of 3 events of 1 calendar.\n")


@pytest.mark.parametrize(
    ("by", "scope"),
    [
        ("file", "a"),
        ("calendar", "a"),
        ("attendee", "2 attendees"),
        ("location", "Lab"),
        ("resource", "3 resources"),
    ],
)
def test_summary_names_one_resource_and_counts_several(tmp_path: Path, by: str, scope: str) -> None:
    event = f"{NINE} ATTENDEE:mailto:a@b.c ATTENDEE:mailto:d@b.c LOCATION:Lab RESOURCES:a,b,c"
    output = run(write(tmp_path / "a.ics", event), *WEEK, f"--by={by}", code=0).stdout
    assert output == f"No conflicts among 1 event of {scope}, {DAYS}.\n"


def test_summary_counts_resources_of_tables_and_calendars_together(tmp_path: Path) -> None:
    table = tmp_path / "rooms.csv"
    table.write_text("start,end,resources\n2026-11-16 09:00,2026-11-16 10:00,Lab|Hall\n")
    output = run(write(tmp_path / "a.ics", NINE), table, *WEEK, code=0).stdout
    assert output == f"No conflicts among 2 events of 3 resources, {DAYS}.\n"


def test_free_times_are_suggested_for_the_event_booked_later() -> None:
    output = run(TEAM, *WEEK, "--suggest=2", "--hours=9-18").stdout
    assert "> Dentist could be 09:45-10:45, 10:45-11:45" in output


def test_ics_has_an_event_for_each_overlap() -> None:
    output = run(TEAM, *WEEK, "--format=ics").stdout
    assert len(Calendar.from_ical(output).walk("VEVENT")) == 6


def test_github_annotates_each_conflicting_event() -> None:
    lines = run(TEAM, *WEEK, "--format=github").stdout.splitlines()
    assert sum(line.startswith(f"::error file={TEAM}/") for line in lines) == 12
    warnings = run(TEAM, *WEEK, "--format=github", "--exit-zero", code=0).stdout
    assert "::warning file=" in warnings


def test_github_annotates_unreadable_rows(tmp_path: Path) -> None:
    table = tmp_path / "rota.csv"
    table.write_text("title,start,end\nA,2026-11-17 09:00,2026-11-17 10:00\nB,soon,later\n")
    place = f"file={table},title=Cannot be read,line=3::"
    assert f"::error {place}" in run(table, "--format=github", code=2).stdout
    read = run(table, "--format=github", "--skip-unreadable", code=0)
    assert f"::warning {place}" in read.stdout


def test_github_annotates_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad, missing = write(tmp_path / "a.ics", f"{NINE} DTEND:20261116T070000Z"), tmp_path / "b.ics"
    title = "title=Cannot be read"
    annotations = [
        f"::error file={bad},{title},line=6::DTEND: the end is before the start; skipped",
        f"::error file={missing},{title}::No such file or directory",
    ]
    for options in ([], ["--strict"], ["--skip-unreadable"]):
        ran = run(bad, missing, *WEEK, "--format=github", *options, code=2)
        assert ran.stdout.splitlines() == annotations
    ran = run(bad, missing, TEAM, *WEEK, "--format=github", "--skip-unreadable")
    assert ran.stdout.count("::warning ") == 2


def test_file_of_which_nothing_can_be_read_is_not_a_calendar(tmp_path: Path) -> None:
    bad = write(tmp_path / "a.ics", f"{NINE} DTEND:20261116T070000Z")
    for output_format in ("text", "github"):
        lines = run(TEAM, bad, *WEEK, f"--format={output_format}", code=2).stdout.splitlines()
        assert lines[-1] == SUMMARY
    page = run(TEAM, bad, *WEEK, "--format=html", code=2).stdout
    assert '"28 events, 5 calendars"' in page


def test_html_is_a_page() -> None:
    assert run(TEAM, *WEEK, "--format=html").stdout.startswith("<!doctype html>")


def test_input_formats_may_be_mixed(tmp_path: Path) -> None:
    table = tmp_path / "rooms.csv"
    table.write_text("title,start,end,resources\nVisit,2026-11-17 09:00,2026-11-17 10:00,anna\n")
    output = run(TEAM / "anna.ics", table, *WEEK).stdout
    assert "anna: 3 events, double-booked for 1h" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from=soon"], "'soon' is not a time like 2026-11-23 or 2026-11-23T09:00."),
        (["--hours=18-9"], "'18-9' is not two hours of a day like 9-18."),
        (["--hours=9-25"], "'9-25' is not two hours of a day like 9-18."),
        (["--by=person"], "'person' is not one of"),
        (["--me=anna"], "'anna' is not an address like anna@example.org."),
        (["--merge", "--by=file"], "--merge and --by exclude each other."),
        (["--suggest=-1"], "-1 is not in the range"),
        (["--exit-zero", "--fail-on=empty"], "--exit-zero and --fail-on empty exclude each other"),
        (["--strict", "--skip-unreadable"], "--skip-unreadable and --strict exclude each other"),
    ],
)
def test_invalid_option_is_reported(arguments: list[str], message: str) -> None:
    assert message in run(TEAM, *arguments, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from=2026-11-22", "--to=2026-11-16"],
            "--to is not after --from; give --to a later time",
        ),
        (["--from=9999-12-31"], "--from must be in the years 1 to 9999"),
        (["--to=9999-12-31"], "--from and --to must be in the years 1 to 9999"),
    ],
)
def test_invalid_window_is_reported(arguments: list[str], message: str) -> None:
    assert run(TEAM, *arguments, code=2).stderr == f"Error: {message}\n"


def test_fault_is_reported_with_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "a.ics"
    broken.write_text("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:secret\nEND:VEVENT\nEND:VCALENDAR\n")
    error = run(broken, code=2).stderr
    assert error == f'Error: {broken}: line 2: an event without DTSTART (event "secret")\n'


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    for name in ("a.ics", "b.ics"):
        (tmp_path / name).write_text("BEGIN:VCALENDAR\nDTEND 20261116\nEND:VCALENDAR\n")
    fault = "line 2: not NAME:VALUE, as lines of a calendar are"
    assert run(tmp_path, tmp_path / "c.ics", code=2).stderr.splitlines() == [
        f"Error: {tmp_path / 'a.ics'}: {fault}",
        f"Error: {tmp_path / 'b.ics'}: {fault}",
        f"Error: {tmp_path / 'c.ics'}: No such file or directory",
    ]


def test_verbose_notes_what_is_read_differently(tmp_path: Path) -> None:
    events = [f"{NINE} DTEND:20261116T100000Z RRULE:", f"{NINE} DTEND:20261116T100000Z"]
    file = write(tmp_path / "a.ics", *events)
    assert run(file, *WEEK).stderr == ""
    assert run(file, *WEEK, "--verbose").stderr.splitlines() == [
        f"Note: {file}: line 7: RRULE without a value is ignored.",
        f"Note: {file}: line 5 and 1 more line: DURATION beside DTEND is ignored.",
    ]


def test_notes_have_no_control_characters(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text(
        "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Here\x1b[2J\nEND:VCALENDAR\n", encoding="utf-8"
    )
    ran = run(tmp_path, *WEEK, "--verbose", code=0)
    assert "the time zone 'Here\\x1b[2J' is unknown" in ran.stderr


def test_columns_option_chooses_the_columns_of_a_table(tmp_path: Path) -> None:
    table = tmp_path / "rooms.csv"
    table.write_text(
        "Was,Von,Bis,Raum\nTalk,16/11/2026 9:00,16/11/2026 10:00,Blue\n"
        "Fair,16/11/2026 9:30,16/11/2026 10:00,Red\n"
    )
    columns = "--columns=title=Was,start=Von,end=Bis"
    ran = run(table, columns, "--day-first")
    assert ran.stderr == (
        f"Note: {table}: no column names resources, so all events are taken as one resource;"
        " --columns resources=NAME chooses a column.\n"
    )
    assert not run(table, f"{columns},resources=Raum", "--day-first", code=0).stderr


def test_rooms_of_tables_match_in_any_spelling(tmp_path: Path) -> None:
    for number, room in enumerate(("Blue", "BLUE ")):
        row = f"{number},2026-11-16 09:00,2026-11-16 10:00,{room}"
        (tmp_path / f"{number}.csv").write_text(f"title,start,end,room\n{row}\n")
    assert "Blue: 2 events, double-booked for 1h" in run(tmp_path).stdout


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("Begin", "'Begin' is not like start=Begin or resources=Room."),
        ("begin=Von", "'begin' is no field; the fields are id, title, description, start,"),
    ],
)
def test_invalid_columns_are_rejected(columns: str, message: str) -> None:
    assert message in " ".join(run(TEAM, f"--columns={columns}", code=2).stderr.split())


def test_folder_may_mix_all_formats(tmp_path: Path) -> None:
    write(tmp_path / "a.ics", f"{NINE} SUMMARY:Talk")
    (tmp_path / "b.json").write_text(
        '[{"title": "Fair", "start": "2026-11-16T09:00:00", "end": "2026-11-16T10:00:00"}]'
    )
    (tmp_path / "c.jcal").write_text(
        json.dumps(
            [
                "vcalendar",
                [],
                [
                    ["vevent", [["dtstart", {}, "date", "2026-11-16"]], []],
                    [
                        "vevent",
                        [["dtstart", {}, "date", "2026-11-16"], ["uid", {}, "text", "2"]],
                        [],
                    ],
                ],
            ]
        )
    )
    (tmp_path / "notes.txt").touch()
    ran = run(tmp_path, *WEEK)
    assert ran.stdout.endswith("1 conflict among 2 of 4 events of 3 resources.\n")
    assert "Note: 1 file of another format is not read: notes.txt.\n" in ran.stderr


def test_calendar_at_an_address_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = write(tmp_path / "a.ics", f"{NINE} SUMMARY:Talk", f"{NINE} SUMMARY:Fair")
    with serving() as site:
        site.answers["/c/anna.ics"] = Answer(file.read_bytes(), headers={"ETag": "1"})
        address = site.address("/c/anna.ics?key=secret").replace("//", "//anna:secret@")
        ran = run(address, *WEEK)
        assert "anna: 2 events, double-booked for 1h" in ran.stdout
        site.answers["/c/anna.ics"] = Answer(b"", 304)
        assert run(address, *WEEK, "--format=github").stdout.startswith("::error ")
        run(file, *WEEK, f"--only={address}")
        del site.answers["/c/anna.ics"]
        gone = run(address, *WEEK, code=2)
    assert gone.stderr == (
        "Error: localhost/c/anna.ics: the server has no calendar at this address (404)\n"
    )
    assert "secret" not in ran.stdout + ran.stderr


def test_notes_count_copies_of_an_event_once(tmp_path: Path) -> None:
    """With and without a property, the copies that calendars share are one event."""
    meeting = "BEGIN:VEVENT\nUID:m{0}\nDTSTART:202{1}1116T080000Z\n{2}END:VEVENT\n"
    events = [meeting.format(1, 6, ""), meeting.format(2, 6, ""), meeting.format(3, 5, "")]
    room = meeting.format(2, 6, "LOCATION:Lab\n")
    for name, own in (("a", events), ("b", events), ("c", [room])):
        content = f"BEGIN:VCALENDAR\n{''.join(own)}END:VCALENDAR\n"
        (tmp_path / f"{name}.ics").write_text(content)
    first, second = run(tmp_path, *WEEK, "--by=location", code=0).stderr.splitlines()
    assert first.startswith("Note: 1 event or series is outside of ")
    assert second.startswith("Note: 1 event has no location and is not checked; ")


def test_cancellation_removes_its_invitation_with_a_note(tmp_path: Path) -> None:
    meeting = (
        "BEGIN:VEVENT\nUID:m\nSEQUENCE:{}\nDTSTART:20261116T0{}0000Z\nDURATION:PT1H\nEND:VEVENT"
    )
    for name, method, event in (
        ("invite", "REQUEST", meeting.format(0, 9)),
        ("cancel", "CANCEL", meeting.format(1, 9)),
    ):
        content = f"BEGIN:VCALENDAR\nMETHOD:{method}\n{event}\nEND:VCALENDAR\n"
        (tmp_path / f"{name}.ics").write_text(content)
    ran = run(tmp_path / "invite.ics", tmp_path / "cancel.ics", *WEEK, code=0)
    assert "Note: 1 older copy of an event is not checked: a newer one counts.\n" in ran.stderr
