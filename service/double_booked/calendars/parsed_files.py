"""How files are read, and what is read of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.parsed_calendars import CalendarOptions, EventComponent
from double_booked.calendars.parsed_events import RESOURCES, ParsedEvent
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.calendar_times import Window
from double_booked.view.coverage import Outside

BY = ("file", "calendar", *RESOURCES)
"""The choices of what an event occupies."""

WHOLE = {"file", "calendar"}
"""The choices by which an event occupies the file or the calendar that it is in."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read.

    Attributes:
        calendar: How .ics files are read; its zone is also that of CSV times without one.
        window: The time to which other formats are restricted; None reads all of their events.
        format: One of FORMATS; None detects it from the content.
        by: What events occupy, one of BY; None for the file, and in other formats for what they
            name.
        me: The addresses of the owner of the calendars, as `normalize_address` returns them.
        merge: Whether all files are one calendar; `by` is "file" then.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read, by field of `columns.FIELDS`.
    """

    calendar: CalendarOptions
    window: Window | None = None
    format: str | None = None
    by: str | None = None
    me: frozenset[str] = frozenset()
    merge: bool = False
    day_first: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The events of a table that were found to have no conflict before they were read.

    Attributes:
        events: How many.
        resources: The resources of the table; "" is the unnamed one.
    """

    events: int = 0
    resources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The events of a file.

    Attributes:
        name: The name of the file for messages.
        events: The events.
        options: The conflict options that the file states.
        outside: The events and series that have nothing in the window; None if there are none.
        outside_copies: UID and start, in nanoseconds since 1970, of those that have a UID.
        without_resource: The events that lack the property chosen with `--by`.
        skipped: What cannot be used.
        calendar: The one resource that all events occupy; "" where each names its resources.
        notes: What was read differently from what the file says, each with its line.
        assumptions: A sentence about each thing that the file leaves open, and how it was read.
        is_file: Whether it is a file that has a path.
        names_resources: Whether a column names the resources, as people spell them.
        copies: The components of its calendars, for comparison with those of other files.
        left_out: The events that have no conflict and are not among `events`.
    """

    name: str
    events: Sequence[ParsedEvent]
    options: ConflictOptions
    outside: Outside | None = None
    outside_copies: Sequence[tuple[str, int]] = ()
    without_resource: Sequence[ParsedEvent] = ()
    skipped: Sequence[Skipped] = ()
    calendar: str = ""
    notes: Sequence[str] = ()
    assumptions: Sequence[str] = ()
    is_file: bool = True
    names_resources: bool = False
    copies: Sequence[Sequence[EventComponent]] = ()
    left_out: LeftOut = LeftOut()

    @property
    def has_entries(self) -> bool:
        """Whether it could be read at least in part; an empty calendar could."""
        has_events = bool(self.events or self.left_out.events or self.outside)
        return has_events or bool(self.without_resource) or not self.skipped

    @property
    def is_expanded(self) -> bool:
        """Whether only the events in the window were read, because series may have no end."""
        return bool(self.copies)
