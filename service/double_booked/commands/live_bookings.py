"""Bookings of a cluster that are read again as long as somebody asks for them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from double_booked.commands.bookings_report import BookingsReport, read_bookings
from double_booked.commands.errors import Failure, describe
from double_booked.view.coverage import Live

INTERVAL = 15
"""Seconds between two reads of the cluster, and between two requests of an open page."""

_READ_SECONDS = 30
"""Seconds after which a read has failed; requests wait for it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is served at a path.

    Attributes:
        text: The body.
        media_type: Its type, like "text/html".
        etag: Equal for contents that a client need not load again; "" if it must load each.
    """

    text: str
    media_type: str
    etag: str = ""


Render = Callable[[BookingsReport, Live], Content]


@dataclass(frozen=True, slots=True)
class Read:
    """The bookings until the cluster is read again, and what was rendered of them.

    Attributes:
        report: The last good read.
        error: Why a later read failed; "" if none did.
    """

    report: BookingsReport
    error: str = ""
    _contents: dict[Render, Content] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def content(self, render: Render) -> Content:
        """Return what a function renders; it is called once, for any number of readers."""
        async with self._lock:
            if render not in self._contents:
                live = Live(INTERVAL, self.error)
                self._contents[render] = await asyncio.to_thread(render, self.report, live)
        return self._contents[render]

    def again(self) -> "Read":
        """Read the cluster; if that fails, return the same bookings with the error."""
        try:
            return Read(read_bookings(self.report.query, _READ_SECONDS))
        except Failure as failure:
            return Read(self.report, failure.message)
        except Exception as error:  # noqa: BLE001 - the last good read is served on
            return Read(self.report, describe(error))


@dataclass(slots=True)
class LiveBookings:
    """Bookings that are read again when somebody asks for them and they are older than INTERVAL.

    Attributes:
        report: The bookings as they are now.
        clock: Returns seconds of a clock that never goes back.
    """

    report: BookingsReport
    clock: Callable[[], float] = time.monotonic
    _read: Read = field(init=False)
    _read_at: float = field(init=False)
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._read = Read(self.report)
        self._read_at = self.clock()

    async def refresh(self) -> Read:
        """Read the cluster if the last read is too old; return the last read."""
        async with self._lock:
            if self.clock() - self._read_at >= INTERVAL:
                self._read = await asyncio.to_thread(self._read.again)
                self._read_at = self.clock()
        return self._read
