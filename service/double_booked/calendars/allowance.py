"""A limit of the bytes that are read from all files together."""

import io
from typing import TYPE_CHECKING

from double_booked.calendars.errors import InvalidCalendarError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 256 * 1024 * 1024
"""The default limit."""


class TooLargeError(InvalidCalendarError):
    """The files together have more bytes than the limit."""


class Allowance:
    """Counts the bytes that may still be read."""

    def __init__(self, size: int = MAX_BYTES) -> None:
        self._size = size
        self._left = size

    def take(self, size: int) -> None:
        """Consume `size` bytes.

        Raises:
            TooLargeError: Fewer are left.
        """
        self._left -= size
        if self._left < 0:
            raise TooLargeError(
                [f"the files have more than {self._size} bytes in all; --max-bytes sets the limit"]
            )


class Metered(io.RawIOBase):
    """A file whose bytes count against an allowance as they are read."""

    def __init__(self, file: io.RawIOBase, allowance: Allowance) -> None:
        self._file = file
        self._allowance = allowance

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        """Read some bytes into the buffer, and return how many; 0 at the end.

        Raises:
            TooLargeError: The allowance is used up.
        """
        size = self._file.readinto(buffer)
        self._allowance.take(size or 0)
        return size

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
