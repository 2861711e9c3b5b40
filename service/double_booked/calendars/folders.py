"""Which files a folder has, and what they are called among the resources."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from double_booked.calendars.errors import InvalidCalendar


def _ignore(_: str) -> None:
    pass


def find_files(path: str, note: Callable[[str], None] = _ignore) -> list[str]:
    """Return the .ics files of a folder and of those in it, by name; a file is itself.

    Hidden files are passed over.

    Args:
        path: Of the file or folder.
        note: Receives a sentence about each file that is passed over: a FIFO, a device, a socket,
            or a link to nothing or to outside of the folder.

    Raises:
        InvalidCalendar: The folder has no .ics file.
    """
    if path == "-" or not Path(path).is_dir():
        return [path]
    found = []
    root = Path(path).resolve()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            file = Path(folder, name)
            if not name.lower().endswith(".ics"):
                continue
            if reason := _not_of_folder(file, root):
                note(f"{name_of(str(file))} is not read: it is {reason}")
            else:
                found.append(str(file))
    if not found:
        raise InvalidCalendar(["the folder has no .ics file"])
    return found


def _not_of_folder(file: Path, root: Path) -> str | None:
    """Say why a file is not read with its folder; None if it is."""
    if file.is_symlink() and not file.resolve().is_relative_to(root):
        return "a link to outside of the folder"
    if not file.exists():
        return "a link to nothing"
    if not file.is_file():
        return "no regular file"
    return None


def resource_names(paths: Iterable[str]) -> dict[str, str]:
    """What each file is called among the resources.

    That is its name without folder and suffix if no other has it, else the whole path.
    """
    short = {path: "standard input" if path == "-" else Path(path).stem for path in paths}
    times = Counter(short.values())
    return {path: name if times[name] == 1 else path for path, name in short.items()}


def name_of(path: str) -> str:
    """The name under which people are told of a file."""
    return "standard input" if path == "-" else click.format_filename(path)
