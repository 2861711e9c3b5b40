"""A VCALENDAR component in, its events in the window out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from double_booked.calendars.attendance import People
from double_booked.calendars.availability import TimeSpan
from double_booked.calendars.file_zones import FileZones
from double_booked.calendars.ics_components import (
    ComponentContext,
    ComponentParser,
    describe_faults,
)
from double_booked.calendars.ics_lines import Component
from double_booked.calendars.ics_values import TimeContext, text_value
from double_booked.calendars.notes import Notes
from double_booked.calendars.parsed_calendars import (
    CalendarOptions,
    EventComponent,
    EventInfo,
    ParsedCalendar,
)
from double_booked.calendars.revisions import Revision, latest, newest, revision_of, without_stale
from double_booked.calendars.skipped import Skipped
from double_booked.calendars.vavailability import TITLE, absences, owner_of
from double_booked.conflicts.instants import to_instant
from double_booked.recurrence.calendar_times import CalendarTime, EventDuration
from double_booked.recurrence.rules import StepBudget, TooManyStepsError
from double_booked.recurrence.series import Occurrence, SeriesComponent, occurrences
from double_booked.recurrence.series_times import align_times
from double_booked.view.coverage import count_outside
from double_booked.view.progress import track

MAX_STEPS = 250_000
"""Maximum number of candidates of the rules of one series, about a second of work.

A meeting every minute of 90 days has 129,600.
"""

MAX_STEPS_OF_FILE = 1_000_000
"""Maximum number of candidates of all rules of a file, even if each series stays below its own."""

SPLIT, PARSED = 0.1, 0.6
"""The parts of the time for a file after which its lines are split and its events parsed."""

_WITHOUT_TIME = {"VTODO", "VJOURNAL"}

_ANSWERS = {"REPLY", "REFRESH", "COUNTER", "DECLINECOUNTER"}
"""Methods of messages from attendees, which revise nothing (RFC 5546, section 1.4)."""


@dataclass(frozen=True, slots=True)
class _EventCopy:
    """One of the components that share a UID."""

    component: Component
    revision: Revision

    @property
    def recurrence_id(self) -> str:
        line = self.component.first("RECURRENCE-ID")
        return line.value if line else ""

    @property
    def recurs(self) -> bool:
        return bool(self.component.first("RRULE") or self.component.first("RDATE"))


class CalendarReader:
    """Reads the events of one VCALENDAR."""

    def __init__(
        self, calendar: Component, options: CalendarOptions, budget: StepBudget, notes: Notes
    ) -> None:
        """Prepare the zones of the calendar.

        Args:
            calendar: The VCALENDAR.
            options: How it is read.
            budget: The steps that all rules of the file may still take.
            notes: Receives what is read differently from what the calendar says.
        """
        self._calendar = calendar
        self._options = options
        self._budget = budget
        self._skipped = list(calendar.faults)
        self._copies: list[EventComponent] = []
        self._notes = notes
        self._zones = FileZones(calendar, options.window, notes)
        self._own_zone = self._find_own_zone()
        times = TimeContext(self._own_zone or options.zone, self._zones, notes)
        method = text_value(calendar.first("METHOD")).strip().upper()
        self._context = ComponentContext(times, options.counting, method)

    def read(self) -> ParsedCalendar:
        """Return the events in the window; what cannot be used is skipped."""
        events: list[Occurrence[EventInfo]] = []
        outside: list[tuple[str, int]] = []
        for components in track(self._series(), self._options.progress, PARSED):
            try:
                expanded = self._expand(components)
            except ValueError as error:
                info, start = components[0].info, components[0].start.local.date()
                skipped = Skipped(info.line, str(error), info.title, start.isoformat())
                self._skipped.append(skipped)
                continue
            events += expanded
            is_cancelled = all(component.is_cancelled for component in components)
            if not expanded and not is_cancelled:
                outside.append((components[0].info.uid, _instant_of(components[0].start)))
        name = text_value(self._calendar.first("X-WR-CALNAME"))
        copies = [] if self._context.method in _ANSWERS else self._copies
        return ParsedCalendar(
            name,
            events,
            count_outside(start for _, start in outside),
            [(uid, start) for uid, start in outside if uid],
            skipped=self._skipped,
            copies=[copies],
        )

    def _find_own_zone(self) -> tzinfo | None:
        """Return the zone that X-WR-TIMEZONE names."""
        line = self._calendar.first("X-WR-TIMEZONE")
        if line:
            try:
                return self._zones.find(text_value(line), line.line)
            except ValueError as error:
                self._notes.add(line.line, f"X-WR-TIMEZONE is not used: {error}")
        return None

    def _calendar_zone(self) -> tzinfo:
        """Return the calendar's own zone, else that of its only VTIMEZONE, else the default."""
        return self._own_zone or self._zones.only_defined() or self._options.zone

    def _series(self) -> list[list[EventComponent]]:
        """Return the components that have times, those of one series together."""
        parts = self._calendar.components
        events = [part for part in parts if part.name == "VEVENT"]
        busy = [part for part in parts if part.name == "VFREEBUSY"]
        same_uid = track(_by_uid(events), self._options.progress, SPLIT, PARSED)
        series = [parsed for same in same_uid for parsed in self._parse_series(same)]
        periods = [[period] for component in busy for period in self._parse_free_busy(component)]
        absences_of_people = [[absence] for absence in self._absences()]
        for component in parts:
            if component.name in _WITHOUT_TIME:
                self._notes.add(component.line, f"{component.name} takes no time")
        return [parsed for parsed in (*series, *periods, *absences_of_people) if parsed]

    def _expand(self, components: list[EventComponent]) -> list[Occurrence[EventInfo]]:
        """Return the events of a series.

        Raises:
            ValueError: It cannot be expanded.
        """
        share = min(MAX_STEPS, self._budget.left)
        budget = StepBudget(share)
        try:
            current = without_stale(align_times(components, self._calendar_zone), budget)
            self._copies += [component for component in current if component.info.uid]
            return list(occurrences(current, self._options.window, budget))
        except TooManyStepsError as error:
            subject, maximum = ("its rule takes", MAX_STEPS)
            if share < MAX_STEPS:
                subject, maximum = ("the rules of the file take", MAX_STEPS_OF_FILE)
            raise ValueError(f"{subject} more than {maximum:,} steps to follow") from error
        except (OverflowError, ValueError) as error:
            raise ValueError("a time is not in years 1 to 9999") from error
        finally:
            self._budget.left -= share - max(budget.left, 0)

    def _parse_series(self, components: list[Component]) -> list[list[EventComponent]]:
        """Return the series of one UID: one, unless different events have that UID."""
        method, note = self._context.method, self._notes.add
        copies = [_EventCopy(part, revision_of(part, method, note)) for part in components]
        series = latest(copy for copy in copies if not copy.recurrence_id)
        by_time: dict[str, list[_EventCopy]] = {}
        for copy in copies:
            if copy.recurrence_id:
                by_time.setdefault(copy.recurrence_id, []).append(copy)
        overrides = sorted(map(newest, by_time.values()), key=lambda copy: copy.revision)
        for other in series[1:]:
            self._notes.add(other.component.line, "an event has the UID of a different one")
        # Overrides belong to a series that recurs, if there is one.
        series.sort(key=lambda copy: not copy.recurs)
        first = [*series[:1], *overrides]
        several = len(first) > 1
        parsed = [[self._parse(copy, several=several) for copy in first]]
        parsed += [[self._parse(copy, is_separate=True)] for copy in series[1:]]
        return [[component for component in same if component] for same in parsed]

    def _parse(
        self, copy: _EventCopy, *, several: bool = False, is_separate: bool = False
    ) -> EventComponent | None:
        """Return a component of a series; an override that cannot be used becomes a gap."""
        parser = ComponentParser(copy.component, self._context)
        parsed = parser.parse(several=several)
        if parser.faults:
            self._skipped += describe_faults(copy.component, parser.faults)
            parsed, is_separate = parser.gap(), False
        if parsed is None:
            return None
        return replace(parsed, info=_with_revision(parsed.info, copy, is_separate=is_separate))

    def _parse_free_busy(self, component: Component) -> Iterator[EventComponent]:
        parser = ComponentParser(component, self._context)
        yield from parser.parse_free_busy()
        self._skipped += [replace(fault, title="busy") for fault in parser.faults]

    def _absences(self) -> Iterator[EventComponent]:
        """Yield the times that VAVAILABILITY does not list as available (RFC 7953)."""
        unavailable = absences(
            self._calendar,
            self._context.times,
            self._options.window,
            self._available_spans,
            self._skipped,
            count_tentative=self._options.counting.count_tentative,
        )
        for component, (start, end) in unavailable:
            uid, owner = text_value(component.first("UID")), owner_of(component)
            people = People((owner,) if owner else ())
            # "0" sorts before any CREATED: suggestions move the event, not the absence.
            info = EventInfo(uid, TITLE, "", (), (), people, component.line, "0", recurs=True)
            begin = CalendarTime(start.replace(tzinfo=None), UTC)
            yield SeriesComponent(info, begin, EventDuration(0, end - start))

    def _available_spans(self, components: Sequence[Component]) -> list[TimeSpan]:
        """Return the spans of AVAILABLE components.

        Raises:
            ValueError: One cannot be used.
        """
        before = len(self._skipped)
        series = [parsed for same in _by_uid(components) for parsed in self._parse_series(same)]
        if len(self._skipped) > before:
            raise ValueError(f"an AVAILABLE of it cannot be used, in {self._skipped[before].fault}")
        copies = len(self._copies)
        expanded = [event for parsed in series if parsed for event in self._expand(parsed)]
        del self._copies[copies:]  # they are not events, so they have no copies
        return [(event.start, event.end) for event in expanded]


def _instant_of(time: CalendarTime) -> int:
    try:
        return to_instant(time.to_utc())
    except OverflowError:  # a local time in the first or last hours of the years 1 to 9999
        return to_instant(time.local.replace(tzinfo=UTC))


def _with_revision(info: EventInfo, copy: _EventCopy, *, is_separate: bool) -> EventInfo:
    """Return what a component states with its revision.

    A separate event, which has the UID of a different one, gets a UID of its own.
    """
    revision, uid = copy.revision, info.uid
    if is_separate and uid:
        uid = f"{uid} {revision.start} {revision.title}"
    return replace(info, uid=uid, revision=revision, is_override=bool(copy.recurrence_id))


def _by_uid(components: Iterable[Component]) -> list[list[Component]]:
    """Return the components of each UID together."""
    groups: dict[str, list[Component]] = {}
    for component in components:
        uid = text_value(component.first("UID")) or f"line {component.line}"
        groups.setdefault(uid, []).append(component)
    return list(groups.values())
