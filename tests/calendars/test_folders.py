"""The files of a folder are found, and each is named as a resource."""

import os
from pathlib import Path

import pytest

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.folders import describe_vdirs, display_name, find_files, resource_names


def test_the_files_of_a_folder_are_found_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.ics", "a.ICS", "sub/c.ics", ".hidden.ics", ".cache/d.ics", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    files = [Path(file).relative_to(tmp_path).as_posix() for file in find_files(str(tmp_path))]
    assert files == ["a.ICS", "b.ics", "sub/c.ics"]


def test_links_and_special_files_of_a_folder_are_ignored(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.ics").touch()
    (folder / "a.ics").touch()
    (folder / "inside.ics").symlink_to("a.ics")
    (folder / "outside.ics").symlink_to("../secret.ics")
    (folder / "zero.ics").symlink_to("/dev/zero")
    (folder / "gone.ics").symlink_to("nothing.ics")
    os.mkfifo(folder / "pipe.ics")
    notes: list[str] = []
    files = find_files(str(folder), notes.append)
    assert files == [str(folder / "a.ics"), str(folder / "inside.ics")]
    assert notes == [
        f"{folder}/gone.ics is not read: it is a link to nothing",
        f"{folder}/outside.ics is not read: it is a link to outside of the folder",
        f"{folder}/pipe.ics is not read: it is not a regular file",
        f"{folder}/zero.ics is not read: it is a link to outside of the folder",
    ]


def test_a_link_given_by_the_user_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").touch()
    (tmp_path / "link.json").symlink_to("real.json")
    assert find_files(str(tmp_path / "link.json")) == [str(tmp_path / "link.json")]


def notes_of(folder: Path, *names: str) -> list[str]:
    for name in ("a.ics", *names):
        (folder / name).touch()
    notes: list[str] = []
    find_files(str(folder), notes.append)
    return notes


@pytest.mark.parametrize(
    "name",
    ["b.csv", "b.tsv", "b.json", "b.jsonl", "b.NDJSON", "b.jcal", "b.ifb", "b.ical", "b.icalendar"],
)
def test_files_of_other_formats_are_read_with_their_folder(tmp_path: Path, name: str) -> None:
    assert notes_of(tmp_path, name) == []
    assert find_files(str(tmp_path)) == [str(tmp_path / "a.ics"), str(tmp_path / name)]


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["notes.txt"], "1 file of another format is not read: notes.txt"),
        (["b.pdf", "a"], "2 files of other formats are not read: a, b.pdf"),
        (
            [f"{number}.txt" for number in range(7)],
            "7 files of other formats are not read: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...",
        ),
    ],
)
def test_files_of_unknown_formats_are_named_in_one_note(
    tmp_path: Path, names: list[str], note: str
) -> None:
    assert notes_of(tmp_path, *names) == [note]


def test_the_metadata_of_a_vdir_needs_no_note(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "color", "displayname", ".hidden") == []


def test_a_folder_without_calendars_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidCalendarError, match=r"the folder has no \.ics file"):
        find_files(str(tmp_path))


def test_a_file_or_standard_input_is_returned_as_it_is() -> None:
    assert find_files("missing.ics") == ["missing.ics"]
    assert find_files("-") == ["-"]


def test_files_get_distinct_resource_names() -> None:
    assert resource_names(["x/anna.ics", "x/bruno.ics", "y/bruno.ics", "-"]) == {
        "x/anna.ics": "anna",
        "x/bruno.ics": "x/bruno.ics",
        "y/bruno.ics": "y/bruno.ics",
        "-": "standard input",
    }


def test_the_files_of_a_vdir_have_the_name_of_its_folder() -> None:
    vdirs = {"x/home/1.ics": "x/home", "x/home/2.ics": "x/home"}
    assert resource_names([*vdirs, "x/anna.ics"], vdirs) == {
        "x/home/1.ics": "home",
        "x/home/2.ics": "home",
        "x/anna.ics": "anna",
    }


def test_folders_get_distinct_resource_names() -> None:
    vdirs = {"x/home/1.ics": "x/home", "y/home/1.ics": "y/home", "x/anna/1.ics": "x/anna"}
    assert resource_names([*vdirs, "anna.ics"], vdirs) == {
        "x/home/1.ics": "x/home",
        "y/home/1.ics": "y/home",
        "x/anna/1.ics": "x/anna",
        "anna.ics": "anna.ics",
    }


def test_a_sentence_names_the_folders_that_are_vdirs() -> None:
    vdirs = {"home/1.ics": "home", "home/2.ics": "home"}
    assert describe_vdirs(vdirs) == (
        "home is read as one calendar, because each of its 2 files has one event; --by file"
        " separates them"
    )
    vdirs |= {"work/1.ics": "work", "work/2.ics": "work", "x/1.ics": "x", "x/2.ics": "x"}
    assert describe_vdirs(vdirs) == (
        "home and 2 other folders are each read as one calendar, because each of their files has"
        " one event; --by file separates them"
    )


def test_addresses_get_resource_names_without_secrets() -> None:
    one, other = (f"https://anna:secret@x.org/c/a.ics?key={key}" for key in "12")
    assert resource_names([one, "b.ics"]) == {one: "a", "b.ics": "b"}
    assert resource_names([one, other, "y/a.ics", one]) == {
        one: "x.org/c/a.ics",
        other: "x.org/c/a.ics #2",
        "y/a.ics": "y/a.ics",
    }
    assert display_name(one) == "x.org/c/a.ics"


def test_an_address_is_returned_as_it_is() -> None:
    assert find_files("https://x.org/a.ics") == ["https://x.org/a.ics"]
