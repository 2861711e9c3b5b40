"""A vdir is a folder with a file for each event, as khal, vdirsyncer and Radicale store it."""

import os
from pathlib import Path

import pytest

from calendars.ics_cases import calendar_of, vevent
from double_booked.calendars.vdir import find_vdirs, name_vdir

HOUR = "DTSTART:20260302T090000Z | DURATION:PT1H"
TASK = "BEGIN:VTODO\nUID:{0}\nEND:VTODO"


def event(uid: str, *lines: str) -> str:
    return vevent(" | ".join((f"UID:{uid}", HOUR, *lines)))


ONE, TWO = calendar_of(event("1")), calendar_of(event("2"))


def write(folder: Path, *contents: bytes) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, content in enumerate(contents):
        file = folder / f"{number}.ics"
        file.write_bytes(content)
        files.append(str(file))
    return files


def is_vdir(folder: Path, *contents: bytes) -> bool:
    return bool(find_vdirs(write(folder, *contents)))


FOLDED = b"UID:040000008200E00074C5B7101A82E00800000000\r\n 000000%d\r\n"
CALENDARS = {
    "an event each": (ONE, TWO),
    "a series each": (ONE, calendar_of(event("2", "RRULE:FREQ=DAILY;COUNT=3"))),
    "a series with an override": (
        ONE,
        calendar_of(event("2"), event("2", "RECURRENCE-ID:20260302T090000Z")),
    ),
    "a task": (ONE, calendar_of(TASK.format(2))),
    "an event whose alarm has a UID (RFC 9074)": (
        ONE,
        calendar_of(event("2", "BEGIN:VALARM", "UID:alarm", "END:VALARM")),
    ),
    "a UID after an alarm": (
        ONE,
        calendar_of(vevent("BEGIN:VALARM | UID:alarm | END:VALARM | UID:2")),
    ),
    "calendars that have a UID of their own (RFC 7986)": (
        calendar_of("UID:home", event("1")),
        calendar_of("UID:home", event("2")),
    ),
    "calendars of one name": (
        calendar_of("X-WR-CALNAME:Home", event("1")),
        calendar_of("X-WR-CALNAME:Home", event("2")),
    ),
    "a text about UIDs": (
        ONE,
        TWO.replace(b"UID:2\r\n", b"UID:2\r\nDESCRIPTION:a\r\n UID:3\r\n"),
    ),
    "lower case": (ONE, TWO.lower()),
    "Unix line ends": (ONE, TWO.replace(b"\r\n", b"\n")),
    "a byte order mark": (ONE, b"\xef\xbb\xbf" + TWO),
}
OTHERS = {
    "one file": (ONE,),
    "two events in a file": (ONE, calendar_of(event("2"), event("3"))),
    "two events whose UIDs differ after a fold": (
        ONE,
        TWO.replace(b"UID:2\r\n", FOLDED % 1)
        + calendar_of(event("3")).replace(b"UID:3\r\n", FOLDED % 2),
    ),
    "an event and a task in a file": (ONE, calendar_of(event("2"), TASK.format(3))),
    "a calendar without events": (ONE, calendar_of()),
    "an event without a UID": (ONE, TWO.replace(b"UID:2\r\n", b"")),
    "calendars of two names": (
        calendar_of("X-WR-CALNAME:Anna", event("1")),
        calendar_of("X-WR-CALNAME:Bruno", event("2")),
    ),
    "what is no calendar": (ONE, b"\x00\xff"),
}


@pytest.mark.parametrize("contents", CALENDARS.values(), ids=CALENDARS)
def test_a_folder_with_one_event_a_file_is_a_vdir(
    tmp_path: Path, contents: tuple[bytes, ...]
) -> None:
    assert is_vdir(tmp_path, *contents)


@pytest.mark.parametrize("contents", OTHERS.values(), ids=OTHERS)
def test_a_folder_of_calendars_is_not_a_vdir(tmp_path: Path, contents: tuple[bytes, ...]) -> None:
    assert not is_vdir(tmp_path, *contents)


def test_each_folder_is_judged_separately(tmp_path: Path) -> None:
    home = write(tmp_path / "home", ONE, TWO)
    team = write(tmp_path / "team", ONE, calendar_of(event("2"), event("3")))
    assert find_vdirs([*home, *team]) == dict.fromkeys(home, str(tmp_path / "home"))


def test_an_unreadable_file_is_ignored(tmp_path: Path) -> None:
    files = write(tmp_path, ONE, TWO)
    assert len(find_vdirs([*files, str(tmp_path / "gone.ics")])) == 3
    assert not find_vdirs([files[0], str(tmp_path / "gone.ics")])


def test_files_of_other_formats_are_ignored(tmp_path: Path) -> None:
    files = write(tmp_path, ONE, TWO)
    (tmp_path / "rooms.csv").write_text("start,end\n")
    assert list(find_vdirs([*files, str(tmp_path / "rooms.csv")])) == files


def test_a_repeated_file_counts_once(tmp_path: Path) -> None:
    [file] = write(tmp_path, ONE)
    assert not find_vdirs([file, file])


def test_a_large_picture_is_skipped(tmp_path: Path) -> None:
    """Unfolding it line by line would take minutes."""
    picture = b"ATTACH;ENCODING=BASE64:\r\n" + b" AAAA\r\n" * 1_000_000 + b"UID:2\r\n"
    assert is_vdir(tmp_path, ONE, TWO.replace(b"UID:2\r\n", picture))


def test_a_file_over_the_limit_is_not_a_single_event(tmp_path: Path) -> None:
    files = write(tmp_path, ONE, TWO)
    os.truncate(files[1], 17 * 2**20)
    assert not find_vdirs(files)


@pytest.mark.parametrize("content", ["Anna's\n", "  Anna's  \nmore", "Anna's"])
def test_a_vdir_has_the_name_in_its_displayname(tmp_path: Path, content: str) -> None:
    (tmp_path / "displayname").write_text(content)
    assert name_vdir(str(tmp_path)) == "Anna's"


def test_a_vdir_without_a_usable_displayname_has_the_name_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    assert name_vdir(str(folder)) == "home"
    (folder / "displayname").write_text(" \n")
    assert name_vdir(str(folder)) == "home"
    monkeypatch.chdir(folder)
    assert name_vdir(".") == "home"


def test_a_displayname_that_is_a_pipe_or_a_link_is_ignored(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    os.mkfifo(folder / "displayname")
    assert name_vdir(str(folder)) == "home"
    (folder / "displayname").unlink()
    (tmp_path / "secret").write_text("secret")
    (folder / "displayname").symlink_to("../secret")
    assert name_vdir(str(folder)) == "home"
