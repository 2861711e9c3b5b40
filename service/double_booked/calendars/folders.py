"""Find the files of a folder, and name the resource that stands for each."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.formats import SUFFIXES, suffix_of
from double_booked.calendars.vdir import name_vdir
from double_booked.calendars.web_addresses import is_address, resource_of, show_address

_MAX_SHOWN = 5
"""Maximum number of files of other formats that a note names."""

_OF_VDIR = {"color", "displayname"}
"""Files that vdirsyncer and khal keep beside the events of a calendar."""

_OTHER_SUFFIXES = ", ".join(suffix for suffix in SUFFIXES if suffix != ".ics")


def _ignore(_: str) -> None:
    pass


def find_files(path: str, note: Callable[[str], None] = _ignore) -> list[str]:
    """Return the readable files of a folder and its subfolders, sorted by name.

    A file is readable if its suffix is in `formats.SUFFIXES`. Hidden files are ignored.

    Args:
        path: The path of the folder; that of a file is returned as it is.
        note: Receives a sentence about each file that is ignored because it is a FIFO, a device, a
            socket, or a link to nothing or to outside of the folder; and one sentence about all
            files of other formats.

    Raises:
        InvalidCalendarError: The folder has no readable file.
    """
    if path == "-" or not Path(path).is_dir():
        return [path]
    readable: list[str] = []
    others: list[str] = []
    root = Path(path).resolve()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            file = Path(folder, name)
            if suffix_of(name) not in SUFFIXES:
                others.append(name)
            elif reason := _not_of_folder(file, root):
                note(f"{display_name(str(file))} is not read: it is {reason}")
            else:
                readable.append(str(file))
    _note_others(sorted({*others} - _OF_VDIR), note)
    if not readable:
        raise InvalidCalendarError([f"the folder has no .ics file, nor one with {_OTHER_SUFFIXES}"])
    return readable


def _note_others(names: Sequence[str], note: Callable[[str], None]) -> None:
    """Add a note about the files of a folder that have other formats."""
    if not names:
        return
    shown = ", ".join(map(_readable, names[:_MAX_SHOWN]))
    more = ", ..." if len(names) > _MAX_SHOWN else ""
    files = f"{len(names)} files of other formats are"
    if len(names) == 1:
        files = "1 file of another format is"
    note(f"{files} not read: {shown}{more}")


def _not_of_folder(file: Path, root: Path) -> str | None:
    """Return why a file is not read with its folder; None if it is read."""
    if file.is_symlink() and not file.resolve().is_relative_to(root):
        return "a link to outside of the folder"
    if not file.exists():
        return "a link to nothing"
    if not file.is_file():
        return "not a regular file"
    return None


def resource_names(
    files: Iterable[str], vdirs: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return the name of the resource that stands for each file.

    It is the name of the file without folder and suffix, or the name of the vdir that the file is
    in. If several have the same name, it is the whole path.

    Args:
        files: The paths of the files.
        vdirs: The folder of each file that is in a vdir, by file, as `find_vdirs` returns them.
    """
    paths = {file: vdirs.get(file, file) for file in files}
    folders = set(vdirs.values())
    short = {
        path: name_vdir(path) if path in folders else _short_name(path) for path in paths.values()
    }
    times = Counter(short.values())
    whole = _whole_names(paths.values())
    return {
        file: short[path] if times[short[path]] == 1 else whole[path]
        for file, path in paths.items()
    }


def _whole_names(paths: Iterable[str]) -> dict[str, str]:
    """Return paths as they are, and addresses without secrets, numbered where these are equal."""
    whole: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        shown = show_address(path) if is_address(path) else path
        times = sum(name == shown or name.startswith(f"{shown} #") for name in whole.values())
        whole[path] = f"{shown} #{times + 1}" if times else shown
    return whole


def describe_vdirs(vdirs: Mapping[str, str]) -> str:
    """Return a sentence about the folders that are read as one calendar each."""
    files = Counter(vdirs.values())
    first, *others = files
    noun = "folder" if len(others) == 1 else "folders"
    more = f" and {len(others)} other {noun}" if others else ""
    which = "each of their files has" if others else f"each of its {files[first]} files has"
    read = "are each read as one calendar" if others else "is read as one calendar"
    return (
        f"{display_name(first)}{more} {read}, because {which} one event; --by file separates them"
    )


def _short_name(path: str) -> str:
    if is_address(path):
        return resource_of(path)
    return "standard input" if path == "-" else Path(path).stem


def display_name(path: str) -> str:
    """Return the name of a file for messages."""
    if is_address(path):
        return show_address(path)
    return "standard input" if path == "-" else _readable(path)


def _readable(path: str) -> str:
    """Return a path as printable text: bytes that cannot be decoded become U+FFFD."""
    return os.fsencode(path).decode(errors="replace")
