"""Calendar files as they are after parsing, whether they were iCalendar or jCal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from double_booked.calendars.attendance import CountingRules, People
from double_booked.calendars.revisions import Revision
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.calendar_times import Window
from double_booked.recurrence.series import Occurrence, SeriesComponent
from double_booked.view.coverage import Outside
from double_booked.view.progress import Progress, ignore_progress


@dataclass(frozen=True, slots=True)
class CalendarOptions:
    """How a calendar is read.

    Attributes:
        window: The time in which events are expanded.
        zone: The zone of floating times and of whole days in calendars that name no zone.
        counting: Which events occupy time.
        progress: Receives the part of a file that is read.
    """

    window: Window
    zone: tzinfo
    counting: CountingRules = CountingRules()  # noqa: RUF009 - it is frozen
    progress: Progress = ignore_progress


@dataclass(frozen=True, slots=True)
class EventInfo:
    """What a component states about its events, apart from their times.

    Attributes:
        uid: UID of the series; "" if missing.
        title: SUMMARY.
        description: DESCRIPTION.
        rooms: The rooms that LOCATION names.
        resources: RESOURCES.
        people: The people whose time it occupies.
        line: The line on which the component begins, from 1.
        created: CREATED as it is written, which sorts by time; "" if missing.
        recurs: Whether there is more than one event of that UID, in this file or elsewhere.
        revision: How new it is among the copies of the event.
        is_override: Whether it replaces one event of its series.
        is_tentative: Whether it is written as tentative.
    """

    uid: str
    title: str
    description: str
    rooms: tuple[str, ...]
    resources: tuple[str, ...]
    people: People
    line: int
    created: str
    recurs: bool
    revision: Revision = Revision()  # noqa: RUF009 - it is frozen
    is_override: bool = False
    is_tentative: bool = False


EventComponent = SeriesComponent[EventInfo]


@dataclass(frozen=True, slots=True)
class ParsedCalendar:
    """The events of a file that lie in the window.

    Attributes:
        name: X-WR-CALNAME of the first calendar that has one; "" if none has.
        occurrences: The events, in the order of the file's components.
        outside: The events and series that have nothing in the window; None if there are none.
        outside_copies: UID and start, in nanoseconds since 1970, of those that have a UID.
        notes: What was read differently from what the file says, each with its line.
        skipped: What cannot be used, in the order of the faults.
        copies: The components with a UID of each VCALENDAR, for comparison with other calendars.
    """

    name: str
    occurrences: list[Occurrence[EventInfo]]
    outside: Outside | None
    outside_copies: Sequence[tuple[str, int]] = ()
    notes: tuple[str, ...] = ()
    skipped: Sequence[Skipped] = ()
    copies: Sequence[Sequence[EventComponent]] = ()
