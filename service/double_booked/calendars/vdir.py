"""Vdirs: folders with a file for each event, as khal, vdirsyncer and Radicale store calendars.

The format is at https://vdirsyncer.pimutils.org/en/stable/vdir.html.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 16 * 2**20
"""A larger file is not a single event."""

_ENTRIES = {b"VEVENT", b"VTODO", b"VJOURNAL", b"VFREEBUSY"}
_NAMES = {b"X-WR-CALNAME", b"NAME"}
_MAX_NAME = 200
_MAX_LINE = 1_000  # a longer line is a picture, which is slow to unfold


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a file, up to the line which shows that it has several events.

    Attributes:
        uids: The UIDs of its events and tasks.
        names: The names of its calendars.
    """

    uids: set[bytes] = field(default_factory=set)
    names: set[bytes] = field(default_factory=set)


def find_vdirs(files: Iterable[str]) -> dict[str, str]:
    """Return the files that are in a vdir, each with the folder of the vdir.

    A folder is a vdir if it has several .ics files, each with exactly one UID, and they do not name
    different calendars. Subfolders are separate. Files that cannot be read are ignored.

    Args:
        files: The paths of files.
    """
    by_folder = defaultdict(list)
    for file in dict.fromkeys(files):
        if file.lower().endswith(".ics"):
            by_folder[str(Path(file).parent)].append(file)
    return {
        file: folder
        for folder, members in by_folder.items()
        if len(members) > 1 and _are_one_calendar(members)
        for file in members
    }


def name_vdir(folder: str) -> str:
    """Return the name of a vdir: the content of its file `displayname`, else its own name."""
    own = Path(folder).resolve().name or folder
    file = Path(folder, "displayname")
    if file.is_symlink() or not file.is_file():  # it may be a pipe, or lead out of the folder
        return own
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.readline(_MAX_NAME).strip() or own
    except OSError:
        return own


def _are_one_calendar(files: Iterable[str]) -> bool:
    names: set[bytes] = set()
    count = 0
    for file in files:
        try:
            content = _read(file)
        except OSError:
            continue
        count += 1
        names |= content.names
        if len(content.uids) != 1 or len(names) > 1:
            return False
    return count > 1


def _read(path: str) -> _Content:
    content = _Content()
    if Path(path).stat().st_size > MAX_BYTES:
        return content
    inside = [b""]
    for name, value in _lines(Path(path)):
        if name == b"BEGIN":
            inside.append(value.upper())
        elif name == b"END" and inside[1:]:
            inside.pop()
        elif name == b"UID" and inside[-1] in _ENTRIES:
            content.uids.add(value)
        elif name in _NAMES and inside[-1] == b"VCALENDAR":
            content.names.add(value)
        if len(content.uids) > 1:
            break
    return content


def _lines(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the value of each unfolded line (RFC 5545, section 3.1)."""
    line = b""
    with path.open("rb") as file:
        for physical in file:
            if physical[:1] in {b" ", b"\t"}:
                if len(line) < _MAX_LINE:
                    line += physical[1:].rstrip()
                continue
            yield _split(line)
            line = physical.rstrip()
    yield _split(line)


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.partition(b";")[0].strip().upper(), value.strip()
