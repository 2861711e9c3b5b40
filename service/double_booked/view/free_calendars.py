"""How long calendars are free, for the pictures of a cluster's bookings."""

from collections.abc import Iterable, Mapping

from double_booked.conflicts.definition import Occupied, Overlap
from double_booked.conflicts.instants import Span
from double_booked.conflicts.overlaps import find_overlap_depths
from double_booked.view.conflict_report import ConflictReport
from double_booked.view.coverage import CalendarRules, Coverage
from double_booked.view.times import day_of, format_weekday_time

DOES_NOT_EXIST = "does not exist"
"""The text of a calendar that events name and that does not exist."""

_PERIODS = {1: "day", 7: "week"}
"""Words for a window, by its number of days."""


def describe_free_calendars(report: ConflictReport, coverage: Coverage) -> Mapping[str, str]:
    """Return how long calendars are free, like "free until Thu 10:00", by name.

    A calendar is free if it has room for another event: fewer are present than its capacity, also
    in the gap that the other event has after its end. It has no text if it is full when the report
    was made, or at the start of a later window. A window that is over has only the calendars that
    were free all the time. A calendar that does not exist has the text DOES_NOT_EXIST.

    Args:
        report: The events, whether or not they conflict.
        coverage: The calendars and the window; without a window no calendar has a text.
    """
    if not coverage.window:
        return {}
    spans: dict[str, list[Span]] = {rules.name: [] for rules in coverage.calendars}
    for entry in report.entries:
        for name in entry.resources:
            spans.get(name, []).append((entry.start, entry.end))
    texts = {
        rules.name: _describe(_find_full(spans[rules.name], rules), coverage.window, coverage)
        for rules in coverage.calendars
    }
    texts |= dict.fromkeys(coverage.missing, DOES_NOT_EXIST)
    return {name: text for name, text in texts.items() if text}


def _find_full(spans: Iterable[Span], rules: CalendarRules) -> Iterable[Overlap]:
    """Return the spans in which a calendar has no room, in order.

    They begin a gap early: an event that ends after that is still present in its gap when the
    calendar is full.
    """
    ends = ((start, end + rules.gap) for start, end in spans)
    occupied = (
        Occupied(position, start, max(end, start + 1), start == end)
        for position, (start, end) in enumerate(ends)
    )
    full = find_overlap_depths(occupied, rules.capacity - 1)
    return (overlap._replace(start=overlap.start - rules.gap) for overlap in full)


def _describe(full: Iterable[Overlap], window: Span, coverage: Coverage) -> str:
    start, end = window
    within = [span for span in full if _touches(span, window)]
    if not within:
        return f"free all {_name_period(window, coverage)}"
    if coverage.made >= end:
        return ""
    now = max(coverage.made, start)
    later = [span.start for span in within if _touches(span, (now, end))]
    if not later:
        return f"free for the rest of the {_name_period(window, coverage).removeprefix('the ')}"
    if later[0] <= now:
        return ""
    return f"free until {format_weekday_time(later[0], now, coverage.zone)}"


def _touches(overlap: Overlap, span: Span) -> bool:
    return overlap.start < span[1] and max(overlap.end, overlap.start + 1) > span[0]


def _name_period(window: Span, coverage: Coverage) -> str:
    first, last = (day_of(instant, coverage.zone) for instant in (window[0], window[1] - 1))
    return _PERIODS.get((last - first).days + 1, "the time shown")
