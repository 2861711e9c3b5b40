"""Files, standard input and web addresses, opened for reading within an allowance."""

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from double_booked.calendars.allowance import Allowance, Metered
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.web_addresses import is_address

_STANDARD_INPUT = 0
_PATHS_OF_STANDARD_INPUT = {"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}


def open_source(path: str, allowance: Allowance) -> BinaryIO:
    """Open a file, standard input ("-") or a web address.

    Args:
        path: The path or the address.
        allowance: Pays for each byte that is read.

    Raises:
        InvalidCalendarError: The path is that of a device or a socket, or the download fails.
        TooLargeError: A download exceeds the allowance.
        OSError: The file cannot be opened.
    """
    if is_address(path):
        # The import takes long, and most sources are files.
        from double_booked.calendars.downloads import download  # noqa: PLC0415

        return io.BytesIO(download(path, allowance))
    if path == "-" or path in _PATHS_OF_STANDARD_INPUT:
        # A copy of the descriptor, so that standard input itself stays open.
        file: io.RawIOBase = io.FileIO(os.dup(_STANDARD_INPUT))
    else:
        _check_kind(path)
        file = io.FileIO(path)
    return io.BufferedReader(Metered(file, allowance))


def has_path(path: str) -> bool:
    """Return whether a source is a file on this machine: not standard input or a web address."""
    return path != "-" and not is_address(path)


def size_of(path: str) -> int:
    """Return the bytes of a file; 0 if that is not known, as of standard input."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _check_kind(path: str) -> None:
    """Reject devices and sockets, which may never end; a FIFO is read, as <(...) of a shell is one.

    Raises:
        InvalidCalendarError: The path is that of a device or a socket.
    """
    mode = Path(path).stat().st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        kind = "a socket" if stat.S_ISSOCK(mode) else "a device"
        fault = f"it is {kind}; name a file, a folder, or - for standard input"
        raise InvalidCalendarError([fault])
