"""iCalendar files (RFC 5545) in, the events of a window out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

from double_booked.calendars.attendance import (
    CountingRules,
    People,
    address_of,
    occupies_time,
    people_of,
)
from double_booked.calendars.availability import Span
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.file_zones import FileZones
from double_booked.calendars.ics_lines import APART, Component, Property, parse_components
from double_booked.calendars.ics_values import (
    TimeContext,
    length_between,
    parse_duration,
    text_value,
    text_values,
)
from double_booked.calendars.notes import Notes
from double_booked.calendars.revisions import (
    Revision,
    latest,
    newest,
    revision_of,
    without_stale,
)
from double_booked.calendars.rooms import rooms_of
from double_booked.calendars.skipped import Skipped
from double_booked.calendars.vavailability import TITLE, absences, owner_of
from double_booked.recurrence.rules import Rule, StepBudget, TooManyStepsError, parse_rule
from double_booked.recurrence.series import (
    CalendarTime,
    EventDuration,
    Occurrence,
    SeriesComponent,
    Window,
    occurrences,
)
from double_booked.recurrence.series_times import align_times

MAX_STEPS = 250_000
"""How many candidates the rules of a series may go through: a second of work or so.

A meeting every minute of 90 days has 129,600.
"""

MAX_STEPS_OF_FILE = 1_000_000
"""How many candidates all rules of a file may go through: endless rules leave room for others."""

_NEEDS_NO_START = {"REPLY", "CANCEL", "REFRESH", "DECLINECOUNTER"}
"""Messages about an event that need not repeat its time (RFC 5546, section 3.2)."""

_WITHOUT_TIME = {"VTODO", "VJOURNAL"}

_WHAT_IT_IS = "a calendar is what BEGIN:VCALENDAR begins"
_ANSWERS = {"REPLY", "REFRESH", "COUNTER", "DECLINECOUNTER"}
"""Messages of attendees, which revise nothing."""

_NO_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time


@dataclass(frozen=True, slots=True)
class EventInfo:
    """What a component says of its events.

    Attributes:
        uid: What names the series; "" without.
        title: SUMMARY.
        description: DESCRIPTION.
        rooms: Those that LOCATION names.
        resources: RESOURCES.
        people: Whose time it takes.
        line: Where the component begins, from 1.
        created: CREATED as it stands there, which sorts by time; "" without.
        recurs: Whether there is more than one event of that UID, here or elsewhere.
        revision: How new it is among its copies.
        is_override: Whether it replaces one event of its series.
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


@dataclass(frozen=True, slots=True)
class ParsedCalendar:
    """A file's events in the window.

    Attributes:
        name: X-WR-CALNAME of the first calendar that has it; "" without.
        occurrences: In the order of the file's components.
        outside: How many components have no event in the window.
        notes: What was read differently from what the file says, each with its line.
        skipped: What cannot be used, in the order of the faults.
        copies: The components of each VCALENDAR that have a UID, to be compared with others.
    """

    name: str
    occurrences: list[Occurrence[EventInfo]]
    outside: int
    notes: tuple[str, ...] = ()
    skipped: Sequence[Skipped] = ()
    copies: Sequence[Sequence[SeriesComponent[EventInfo]]] = ()


@dataclass(frozen=True, slots=True)
class CalendarOptions:
    """How a calendar is read.

    Attributes:
        window: The time to look at.
        zone: Where floating times and whole days of calendars that name no zone are.
        counting: Which events take time.
    """

    window: Window
    zone: tzinfo
    counting: CountingRules = CountingRules()  # noqa: RUF009 - it is frozen


def parse(content: bytes, options: CalendarOptions) -> ParsedCalendar:
    """Reads the events of a file, series expanded.

    Events take no time if they are cancelled, transparent, free by Microsoft's property, or if all
    attendees have declined; `options` leaves out more. VTODO and VJOURNAL are passed over. What
    VAVAILABILITY does not list as available is taken.

    What cannot be used is skipped.

    Raises:
        InvalidCalendarError: There is no calendar, or one defines a zone that cannot be used.
    """
    notes = Notes()
    return read_components(parse_components(content, notes), options, notes)


def read_components(
    top: Component, options: CalendarOptions, notes: Notes | None = None
) -> ParsedCalendar:
    """Return the events of the calendars in a component without a name, as `parse` does.

    Args:
        top: The component.
        options: How it is read.
        notes: What was noted before.
    """
    notes = notes or Notes()
    calendars = _calendars(top, notes)
    others = (each for each in top.components if each.name not in {"VCALENDAR", *APART})
    skipped = [*top.faults, *map(_not_a_calendar, others)]
    if not calendars:
        empty = Skipped(None, f"it is empty: {_WHAT_IT_IS}")
        raise InvalidCalendarError([each.fault for each in skipped or [empty]][:MAX_FAULTS])
    budget = StepBudget(MAX_STEPS_OF_FILE)
    found = [_Reader(each, options, budget, notes).read() for each in calendars]
    name = next(filter(None, (each.name for each in found)), "")
    events = [event for each in found for event in each.occurrences]
    skipped += [each for calendar in found for each in calendar.skipped]
    outside = sum(each.outside for each in found)
    copies = [each for calendar in found for each in calendar.copies]
    return ParsedCalendar(name, events, outside, notes.sentences(), skipped, copies)


def _calendars(top: Component, notes: Notes) -> list[Component]:
    """Return the calendars of a file; what stands outside of any is read as one more."""
    calendars = [each for each in top.components if each.name == "VCALENDAR"]
    outside = [each for each in top.components if each.name in APART]
    if not outside:
        return calendars
    notes.add(outside[0].line, "what is outside of BEGIN:VCALENDAR is read as a calendar")
    return [*calendars, Component("VCALENDAR", outside[0].line, components=outside)]


def _not_a_calendar(component: Component) -> Skipped:
    return Skipped(component.line, f"BEGIN:{component.name}: {_WHAT_IT_IS}")


@dataclass(frozen=True, slots=True)
class _Copy:
    """A component, to be compared with others of its UID."""

    component: Component
    revision: Revision

    @property
    def recurrence_id(self) -> str:
        each = self.component.first("RECURRENCE-ID")
        return each.value if each else ""

    @property
    def recurs(self) -> bool:
        return bool(self.component.first("RRULE") or self.component.first("RDATE"))


def _revised(info: EventInfo, copy: _Copy, *, apart: bool = False) -> EventInfo:
    """The description with its revision; one apart gets a UID of its own."""
    revision = copy.revision
    uid = f"{info.uid} {revision.start} {revision.title}" if apart and info.uid else info.uid
    return replace(info, uid=uid, revision=revision, is_override=bool(copy.recurrence_id))


class _Reader:
    """Reads a VCALENDAR."""

    def __init__(
        self, calendar: Component, options: CalendarOptions, budget: StepBudget, notes: Notes
    ) -> None:
        self._calendar = calendar
        self._options = options
        self._budget = budget
        self._skipped = list(calendar.faults)
        self._faults: list[Skipped] = []
        self._copies: list[SeriesComponent[EventInfo]] = []
        self._notes = notes
        self._method = text_value(calendar.first("METHOD")).strip().upper()
        self._zones = FileZones(calendar, options.window, notes)
        self._own_zone = self._find_own_zone()
        self._clock = TimeContext(self._own_zone or options.zone, self._zones, notes)

    def _find_own_zone(self) -> tzinfo | None:
        """The zone that X-WR-TIMEZONE names."""
        named = self._calendar.first("X-WR-TIMEZONE")
        if named:
            try:
                return self._zones.find(text_value(named), named.line)
            except ValueError as error:
                self._notes.add(named.line, f"X-WR-TIMEZONE is not used: {error}")
        return None

    def _home(self) -> tzinfo:
        """The zone of the calendar: its own, else its only VTIMEZONE, else the reader's."""
        return self._own_zone or self._zones.only_defined() or self._options.zone

    def read(self) -> ParsedCalendar:
        """The events of the window."""
        events: list[Occurrence[EventInfo]] = []
        outside = 0
        for parts in self._series():
            try:
                found = self._expand(parts)
            except ValueError as error:
                info, start = parts[0].info, parts[0].start.local.date()
                self._skipped.append(Skipped(info.line, str(error), info.title, start.isoformat()))
                continue
            events += found
            outside += not found and not all(part.is_cancelled for part in parts)
        name = text_value(self._calendar.first("X-WR-CALNAME"))
        copies = [] if self._method in _ANSWERS else self._copies
        return ParsedCalendar(name, events, outside, skipped=self._skipped, copies=[copies])

    def _expand(self, parts: list[SeriesComponent[EventInfo]]) -> list[Occurrence[EventInfo]]:
        """The events of a series.

        Raises:
            ValueError: It cannot be expanded; the text says why.
        """
        share = min(MAX_STEPS, self._budget.left)
        budget = StepBudget(share)
        try:
            counting = without_stale(align_times(parts, self._home), budget)
            self._copies += [part for part in counting if part.info.uid]
            return list(occurrences(counting, self._options.window, budget))
        except TooManyStepsError as error:
            whose, most = ("its rule takes", MAX_STEPS)
            if share < MAX_STEPS:
                whose, most = ("the rules of the file take", MAX_STEPS_OF_FILE)
            raise ValueError(f"{whose} more than {most:,} steps to follow") from error
        except (OverflowError, ValueError) as error:
            raise ValueError("a time is not in years 1 to 9999") from error
        finally:
            self._budget.left -= share - max(budget.left, 0)

    def _series(self) -> list[list[SeriesComponent[EventInfo]]]:
        """The components that take time, those of a series together."""
        events = [each for each in self._calendar.components if each.name == "VEVENT"]
        busy = [each for each in self._calendar.components if each.name == "VFREEBUSY"]
        series = [parts for each in _by_uid(events) for parts in self._parts(each)]
        periods = [[part] for component in busy for part in self._busy_times(component)]
        absences = [[part] for part in self._absences()]
        self._note_others()
        return [parts for parts in (*series, *periods, *absences) if parts]

    def _note_others(self) -> None:
        for each in self._calendar.components:
            if each.name in _WITHOUT_TIME:
                self._notes.add(each.line, f"{each.name} takes no time")

    def _absences(self) -> Iterator[SeriesComponent[EventInfo]]:
        """The times that VAVAILABILITY does not list as available."""
        found = absences(
            self._calendar,
            self._clock,
            self._options.window,
            self._available,
            self._skipped,
            count_tentative=self._options.counting.count_tentative,
        )
        for component, (start, end) in found:
            uid, owner = text_value(component.first("UID")), owner_of(component)
            people = People((owner,) if owner else ())
            # They are there before any event, which goes to another time rather than they.
            info = EventInfo(uid, TITLE, "", (), (), people, component.line, "0", recurs=True)
            yield SeriesComponent(
                info, CalendarTime(start.replace(tzinfo=None), UTC), EventDuration(0, end - start)
            )

    def _available(self, components: Sequence[Component]) -> list[Span]:
        """The spans of AVAILABLE components.

        Raises:
            ValueError: One cannot be used.
        """
        known = len(self._skipped)
        series = [parts for each in _by_uid(components) for parts in self._parts(each)]
        if len(self._skipped) > known:
            raise ValueError(f"an AVAILABLE of it cannot be used, in {self._skipped[known].fault}")
        copies = len(self._copies)
        found = [each for parts in series if parts for each in self._expand(parts)]
        del self._copies[copies:]  # no events, of which others could have copies
        return [(each.start, each.end) for each in found]

    def _parts(self, components: list[Component]) -> list[list[SeriesComponent[EventInfo]]]:
        """The series of a UID: one, unless different events bear it."""
        note, method = self._notes.add, self._method
        copies = [_Copy(each, revision_of(each, method, note)) for each in components]
        series = latest(each for each in copies if not each.recurrence_id)
        by_time: dict[str, list[_Copy]] = {}
        for each in copies:
            if each.recurrence_id:
                by_time.setdefault(each.recurrence_id, []).append(each)
        overrides = sorted(map(newest, by_time.values()), key=lambda each: each.revision)
        if len(series) > 1:
            self._note_different(series)
        # Overrides belong to a series that recurs, if one does.
        series.sort(key=lambda each: not each.recurs)
        first = [*series[:1], *overrides]
        parts = [self._part_or_gap(each, several=len(first) > 1) for each in first]
        apart = [[self._part_or_gap(each, apart=True)] for each in series[1:]]
        return [[part for part in each if part] for each in (parts, *apart)]

    def _note_different(self, series: list["_Copy"]) -> None:
        for each in series[1:]:
            self._notes.add(each.component.line, "an event has the UID of a different one")

    def _part_or_gap(
        self, copy: "_Copy", *, several: bool = False, apart: bool = False
    ) -> SeriesComponent[EventInfo] | None:
        """A part of a series; where an override cannot be used, the series has a gap there."""
        component = copy.component
        self._faults = list(component.faults)
        part = None if self._faults else self._part(component, several=several)
        if not self._faults:
            return part and replace(part, info=_revised(part.info, copy, apart=apart))
        title = text_value(component.first("SUMMARY"))
        dated = component.first("DTSTART") or component.first("RECURRENCE-ID")
        date = dated.value if dated else ""
        self._skipped += [replace(each, title=title, date=date) for each in self._faults]
        gaps = self._whens(component, "RECURRENCE-ID")
        if not gaps:
            return None
        return SeriesComponent(
            _revised(self._describe(component, recurs=True), copy),
            gaps[0][0],
            EventDuration(),
            recurrence_id=gaps[0][0],
            this_and_future=self._is_for_future(component),
            is_cancelled=True,
        )

    def _part(self, component: Component, *, several: bool) -> SeriesComponent[EventInfo] | None:
        start = component.first("DTSTART")
        if not start:
            if self._method not in _NEEDS_NO_START:
                self._faults.append(Skipped(component.line, "an event without DTSTART"))
            return self._cancellation(component) if self._method == "CANCEL" else None
        try:
            begin = self._clock.parse(start)
        except ValueError as error:
            self._note(start, error)
            return None
        rules = self._rules(component, "RRULE", begin)
        recurrence_id = self._whens(component, "RECURRENCE-ID")
        more, excluded = self._whens(component, "RDATE"), self._whens(component, "EXDATE")
        length = self._length(component, begin)
        if self._faults:
            return None
        recurs = several or bool(rules or more or recurrence_id)
        return SeriesComponent(
            self._describe(component, recurs=recurs),
            begin,
            length,
            rules,
            self._rules(component, "EXRULE", begin),
            tuple(more),
            tuple(when for when, _ in excluded),
            recurrence_id[0][0] if recurrence_id else None,
            self._is_for_future(component),
            self._method == "CANCEL"
            or not occupies_time(component, self._options.counting, is_of_dates=begin.is_date),
        )

    def _cancellation(self, component: Component) -> SeriesComponent[EventInfo] | None:
        """The part that takes an event or a series away, without a time of its own."""
        recurrence_id = self._whens(component, "RECURRENCE-ID")
        if self._faults:
            return None
        when = recurrence_id[0][0] if recurrence_id else None
        return SeriesComponent(
            self._describe(component, recurs=bool(when)),
            when or CalendarTime(_NO_TIME, UTC),
            EventDuration(),
            recurrence_id=when,
            this_and_future=self._is_for_future(component),
            is_cancelled=True,
        )

    def _note(self, at: Property, error: ValueError) -> None:
        self._faults.append(Skipped(at.line, f"{at.name}: {error}"))

    def _rules(self, component: Component, name: str, start: CalendarTime) -> tuple[Rule, ...]:
        found = []
        for each in component.all(name):
            try:
                note = partial(self._notes.add, each.line)
                found.append(parse_rule(each.value, of_dates=start.is_date, note=note))
            except ValueError as error:
                self._note(each, error)
        return tuple(found)

    def _whens(
        self, component: Component, name: str
    ) -> list[tuple[CalendarTime, EventDuration | None]]:
        found = []
        for each in component.all(name):
            try:
                found += list(self._clock.parse_list(each))
            except (ValueError, OverflowError) as error:
                self._note(each, ValueError(error))
        return found

    def _length(self, component: Component, start: CalendarTime) -> EventDuration:
        """How long it lasts: a date without an end is that day, a time an instant (3.6.1)."""
        end, duration = component.first("DTEND"), component.first("DURATION")
        if end and duration:
            self._notes.add(duration.line, "DURATION beside DTEND is passed over")
        try:
            if end:
                until = self._clock.parse(end)
                return length_between(start, until)
            if duration:
                return _checked(parse_duration(duration.value), start)
        except (ValueError, OverflowError) as error:
            self._note(end or duration or component.properties[0], ValueError(error))
        return EventDuration(1) if start.is_date else EventDuration()

    def _is_for_future(self, component: Component) -> bool:
        recurrence_id = component.first("RECURRENCE-ID")
        extent = recurrence_id.parameters.get("RANGE", "") if recurrence_id else ""
        return extent.upper() == "THISANDFUTURE"

    def _describe(self, component: Component, *, recurs: bool) -> EventInfo:
        resources = [name for each in component.all("RESOURCES") for name in text_values(each)]
        created = component.first("CREATED")
        return EventInfo(
            text_value(component.first("UID")),
            text_value(component.first("SUMMARY")),
            text_value(component.first("DESCRIPTION")),
            rooms_of(text_value(component.first("LOCATION"))),
            tuple(name.strip() for name in resources if name.strip()),
            people_of(component, self._options.counting),
            component.line,
            created.value if created else "",
            recurs,
        )

    def _busy_times(self, component: Component) -> Iterator[SeriesComponent[EventInfo]]:
        """The periods of a VFREEBUSY that are not free."""
        self._faults = list(component.faults)
        organizer = component.first("ATTENDEE") or component.first("ORGANIZER")
        address = address_of(organizer) if organizer else ""
        people = People((address,) if address else ())
        for each in component.all("FREEBUSY"):
            kind = each.parameters.get("FBTYPE", "BUSY").upper()
            is_counted = kind != "BUSY-TENTATIVE" or self._options.counting.count_tentative
            if kind != "FREE" and is_counted:
                info = EventInfo("", "busy", "", (), (), people, each.line, "", recurs=False)
                try:
                    for start, length in self._clock.parse_list(each):
                        yield SeriesComponent(info, start, length or EventDuration())
                except (ValueError, OverflowError) as error:
                    self._note(each, ValueError(error))
        self._skipped += [replace(each, title="busy") for each in self._faults]


def _by_uid(components: Iterable[Component]) -> list[list[Component]]:
    """Return components of one UID together."""
    found: dict[str, list[Component]] = {}
    for component in components:
        uid = text_value(component.first("UID")) or f"line {component.line}"
        found.setdefault(uid, []).append(component)
    return list(found.values())


def _checked(length: EventDuration, start: CalendarTime) -> EventDuration:
    if not start.is_date:
        return length
    days, rest = divmod(length.exact, timedelta(days=1))
    if rest:
        raise ValueError("a whole day lasts days, not hours")
    return EventDuration(max(length.days + days, 1))
