"""What a report covers: the files or the cluster, the window, and the calendars, free ones too."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from double_booked.conflicts.instants import Span


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """A calendar that was looked at, with its rules.

    Attributes:
        name: Its name as a resource; "" is the unnamed resource.
        capacity: How many events may be present at once.
        gap: How long an event occupies it after its end, in nanoseconds.
        policy: What happens to a Booking over the capacity, "Reject" or "Report"; "" for a file.
    """

    name: str
    capacity: int = 1
    gap: int = 0
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Outside:
    """The events and series that were read and have nothing in the window.

    Attributes:
        events: How many.
        first: The earliest start, in nanoseconds since 1970.
        last: The latest start.
    """

    events: int
    first: int
    last: int


def count_outside(starts: Iterable[int]) -> Outside | None:
    """Return how many events start at some instants, and when; None for none.

    Args:
        starts: Nanoseconds since 1970.
    """
    several = list(starts)
    return Outside(len(several), min(several), max(several)) if several else None


def join_outside(parts: Iterable[Outside | None]) -> Outside | None:
    """Return what lies outside in several files together."""
    several = [part for part in parts if part]
    if not several:
        return None
    return Outside(
        sum(part.events for part in several),
        min(part.first for part in several),
        max(part.last for part in several),
    )


@dataclass(frozen=True, slots=True)
class Live:
    """How a page that a server keeps up to date reads it again.

    Attributes:
        every: Seconds between two requests of an open page.
        error: Why a later read failed, so that the view is older than it should be; "" if none did.
    """

    every: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a report covers.

    Attributes:
        kind: The command that made the report, "check" or "bookings".
        made: When it was made, in nanoseconds since 1970.
        zone: The reader's time zone.
        sources: The names of the files, or of the cluster's context and namespace.
        calendars: All calendars that were looked at.
        window: The span that was looked at; None if it has no limits.
        outside: What lies outside of the window; None if nothing does.
        double_booked: The positions of the Bookings that are double-booked.
        missing: The names of calendars that events occupy and that do not exist.
        problems: What is wrong in the cluster, each a sentence without its full stop.
        live: How to read it again; None for a page that stays as it is.
    """

    kind: str
    made: int
    zone: tzinfo
    sources: Sequence[str]
    calendars: Sequence[CalendarRules] = ()
    window: Span | None = None
    outside: Outside | None = None
    double_booked: Collection[int] = ()
    missing: Collection[str] = ()
    problems: Sequence[str] = ()
    live: Live | None = None
