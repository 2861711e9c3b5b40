"""iCalendar files in (RFC 5545), the events of a window out."""

from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.ics_calendar import MAX_STEPS_OF_FILE, CalendarReader
from double_booked.calendars.ics_lines import TOP_COMPONENTS, Component, parse_components
from double_booked.calendars.notes import Notes
from double_booked.calendars.parsed_calendars import CalendarOptions, ParsedCalendar
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.rules import StepBudget
from double_booked.view.coverage import join_outside

_WHAT_IT_IS = "a calendar is what BEGIN:VCALENDAR begins"


def parse(content: bytes, options: CalendarOptions) -> ParsedCalendar:
    """Return the events of a file, with series expanded.

    An event occupies no time if it is cancelled, transparent, free by Microsoft's property, or
    declined by all attendees; `options` may exclude more. VTODO and VJOURNAL are ignored. The time
    that VAVAILABILITY does not list as available is occupied. What cannot be used is skipped.

    Args:
        content: The file.
        options: How it is read.

    Raises:
        InvalidCalendarError: There is no calendar.
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
        notes: The notes so far.

    Raises:
        InvalidCalendarError: There is no calendar.
    """
    notes = notes or Notes()
    components = _calendar_components(top, notes)
    known = {"VCALENDAR", *TOP_COMPONENTS}
    others = [component for component in top.components if component.name not in known]
    skipped = [*top.faults, *map(_not_a_calendar, others)]
    if not components:
        empty = Skipped(None, f"it is empty: {_WHAT_IT_IS}")
        raise InvalidCalendarError([part.fault for part in skipped or [empty]][:MAX_FAULTS])
    budget = StepBudget(MAX_STEPS_OF_FILE)
    calendars = [CalendarReader(part, options, budget, notes).read() for part in components]
    return ParsedCalendar(
        name=next((calendar.name for calendar in calendars if calendar.name), ""),
        occurrences=[event for calendar in calendars for event in calendar.occurrences],
        outside=join_outside(calendar.outside for calendar in calendars),
        outside_copies=[copy for calendar in calendars for copy in calendar.outside_copies],
        notes=notes.sentences(),
        skipped=skipped + [part for calendar in calendars for part in calendar.skipped],
        copies=[copies for calendar in calendars for copies in calendar.copies],
    )


def _calendar_components(top: Component, notes: Notes) -> list[Component]:
    """Return the calendars of a file; components outside of any are read as one more calendar."""
    calendars = [component for component in top.components if component.name == "VCALENDAR"]
    outside = [component for component in top.components if component.name in TOP_COMPONENTS]
    if not outside:
        return calendars
    notes.add(outside[0].line, "what is outside of BEGIN:VCALENDAR is read as a calendar")
    return [*calendars, Component("VCALENDAR", outside[0].line, components=outside)]


def _not_a_calendar(component: Component) -> Skipped:
    return Skipped(component.line, f"BEGIN:{component.name}: {_WHAT_IT_IS}")
