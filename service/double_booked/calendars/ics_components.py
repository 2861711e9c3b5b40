"""Components of a VCALENDAR in (RFC 5545, section 3.6), components of a series out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from double_booked.calendars.attendance import (
    CountingRules,
    People,
    address_of,
    is_tentative,
    occupies_time,
    people_of,
)
from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.ics_values import (
    TimeContext,
    duration_between,
    parse_duration,
    text_value,
    text_values,
)
from double_booked.calendars.parsed_calendars import EventComponent, EventInfo
from double_booked.calendars.rooms import rooms_of
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.calendar_times import CalendarTime, EventDuration
from double_booked.recurrence.rules import Rule, parse_rule
from double_booked.recurrence.series import SeriesComponent

_NEEDS_NO_START = {"REPLY", "CANCEL", "REFRESH", "DECLINECOUNTER"}
"""Methods of messages that need not repeat the time of their event (RFC 5546, section 3.2)."""

_NO_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time


@dataclass(frozen=True, slots=True)
class ComponentContext:
    """What the components of a VCALENDAR share.

    Attributes:
        times: How their times are read.
        counting: Which events occupy time.
        method: METHOD of the calendar in capitals; "" if missing.
    """

    times: TimeContext
    counting: CountingRules
    method: str


class ComponentParser:
    """Parses one component that has times, such as a VEVENT.

    Attributes:
        faults: What cannot be used of it; complete once it is parsed.
    """

    def __init__(self, component: Component, context: ComponentContext) -> None:
        self.faults = list(component.faults)
        self._component = component
        self._context = context

    def parse(self, *, several: bool = False) -> EventComponent | None:
        """Return the component of the series; None if it has faults or no time.

        Args:
            several: Whether its UID has other components too.
        """
        if self.faults:
            return None
        start = self._component.first("DTSTART")
        if not start:
            return self._parse_without_start()
        try:
            begin = self._context.times.parse(start)
        except ValueError as error:
            self._add_fault(start, error)
            return None
        parsed = self._parse_from(begin, several=several)
        return None if self.faults else parsed

    def gap(self) -> EventComponent | None:
        """Return a cancelled override in place of one with faults; None if it overrides nothing."""
        replaced = self._times("RECURRENCE-ID")
        if not replaced:
            return None
        return SeriesComponent(
            self._info(recurs=True),
            replaced[0][0],
            EventDuration(),
            recurrence_id=replaced[0][0],
            this_and_future=self._is_for_future(),
            is_cancelled=True,
        )

    def parse_free_busy(self) -> Iterator[EventComponent]:
        """Yield the periods of a VFREEBUSY that are not free (RFC 5545, section 3.8.2.6)."""
        person = self._component.first("ATTENDEE") or self._component.first("ORGANIZER")
        address = address_of(person) if person else ""
        people = People((address,) if address else ())
        for busy in self._component.all("FREEBUSY"):
            kind = busy.parameters.get("FBTYPE", "BUSY").upper()
            is_counted = kind != "BUSY-TENTATIVE" or self._context.counting.count_tentative
            if kind != "FREE" and is_counted:
                info = EventInfo("", "busy", "", (), (), people, busy.line, "", recurs=False)
                try:
                    for start, duration in self._context.times.parse_list(busy):
                        yield SeriesComponent(info, start, duration or EventDuration())
                except (ValueError, OverflowError) as error:
                    self._add_fault(busy, error)

    def _parse_from(self, start: CalendarTime, *, several: bool) -> EventComponent | None:
        component, context = self._component, self._context
        rules = self._rules("RRULE", start)
        replaced, rdates = self._times("RECURRENCE-ID"), self._times("RDATE")
        exdates, duration = self._times("EXDATE"), self._duration(start)
        if self.faults:
            return None
        return SeriesComponent(
            self._info(recurs=several or bool(rules or rdates or replaced)),
            start,
            duration,
            rules,
            exrules=self._rules("EXRULE", start),
            rdates=tuple(rdates),
            exdates=tuple(time for time, _ in exdates),
            recurrence_id=replaced[0][0] if replaced else None,
            this_and_future=self._is_for_future(),
            is_cancelled=context.method == "CANCEL"
            or not occupies_time(component, context.counting, is_of_dates=start.is_date),
        )

    def _parse_without_start(self) -> EventComponent | None:
        method = self._context.method
        if method not in _NEEDS_NO_START:
            self.faults.append(Skipped(self._component.line, "an event without DTSTART"))
        return self._parse_cancellation() if method == "CANCEL" else None

    def _parse_cancellation(self) -> EventComponent | None:
        """Return the component that cancels an event or a series, without a time of its own."""
        replaced = self._times("RECURRENCE-ID")
        if self.faults:
            return None
        recurrence_id = replaced[0][0] if replaced else None
        return SeriesComponent(
            self._info(recurs=bool(recurrence_id)),
            recurrence_id or CalendarTime(_NO_TIME, UTC),
            EventDuration(),
            recurrence_id=recurrence_id,
            this_and_future=self._is_for_future(),
            is_cancelled=True,
        )

    def _add_fault(self, at: Property, error: Exception) -> None:
        self.faults.append(Skipped(at.line, f"{at.name}: {error}"))

    def _rules(self, name: str, start: CalendarTime) -> tuple[Rule, ...]:
        rules = []
        for line in self._component.all(name):
            note = partial(self._context.times.notes.add, line.line)
            try:
                rules.append(parse_rule(line.value, of_dates=start.is_date, note=note))
            except ValueError as error:
                self._add_fault(line, error)
        return tuple(rules)

    def _times(self, name: str) -> list[tuple[CalendarTime, EventDuration | None]]:
        times: list[tuple[CalendarTime, EventDuration | None]] = []
        for line in self._component.all(name):
            try:
                times += list(self._context.times.parse_list(line))
            except (ValueError, OverflowError) as error:
                self._add_fault(line, error)
        return times

    def _duration(self, start: CalendarTime) -> EventDuration:
        """Return how long the event lasts.

        Without an end, a date lasts that day, and a time is an instant (section 3.6.1).
        """
        end, duration = self._component.first("DTEND"), self._component.first("DURATION")
        if end and duration:
            self._context.times.notes.add(duration.line, "DURATION beside DTEND is ignored")
        try:
            if end:
                return duration_between(start, self._context.times.parse(end))
            if duration:
                return _for_start(parse_duration(duration.value), start)
        except (ValueError, OverflowError) as error:
            self._add_fault(end or duration or self._component.properties[0], error)
        return EventDuration(1) if start.is_date else EventDuration()

    def _is_for_future(self) -> bool:
        recurrence_id = self._component.first("RECURRENCE-ID")
        extent = recurrence_id.parameters.get("RANGE", "") if recurrence_id else ""
        return extent.upper() == "THISANDFUTURE"

    def _info(self, *, recurs: bool) -> EventInfo:
        component = self._component
        resources = [name for line in component.all("RESOURCES") for name in text_values(line)]
        created = component.first("CREATED")
        return EventInfo(
            text_value(component.first("UID")),
            text_value(component.first("SUMMARY")),
            text_value(component.first("DESCRIPTION")),
            rooms_of(text_value(component.first("LOCATION"))),
            tuple(name.strip() for name in resources if name.strip()),
            people_of(component, self._context.counting),
            component.line,
            created.value if created else "",
            recurs,
            is_tentative=is_tentative(component),
        )


def describe_faults(component: Component, faults: list[Skipped]) -> list[Skipped]:
    """Return the faults of a component with the title and the date of its event."""
    title = text_value(component.first("SUMMARY"))
    dated = component.first("DTSTART") or component.first("RECURRENCE-ID")
    date = dated.value if dated else ""
    return [replace(fault, title=title, date=date) for fault in faults]


def _for_start(duration: EventDuration, start: CalendarTime) -> EventDuration:
    """Return a duration that fits its start: of a date, at least one whole day.

    Raises:
        ValueError: The start is a date, and the duration is not in whole days.
    """
    if not start.is_date:
        return duration
    days, rest = divmod(duration.exact, timedelta(days=1))
    if rest:
        raise ValueError("a whole day lasts days, not hours")
    return EventDuration(max(duration.days + days, 1))
