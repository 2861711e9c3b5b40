"""What a report without conflicts says: what was looked at, and what lies outside."""

from datetime import date

from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, pluralize, summarize
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.facts import describe_number_outside, describe_starts
from double_booked.view.printable import printable
from double_booked.view.times import day_of, format_day_span

MAX_SOURCES = 3
"""The maximum number of files that the sentence names; more are counted."""


def describe_result(report: ConflictReport, coverage: Coverage) -> str:
    """Return one sentence on the conflicts of a report, or on what was looked at without any.

    Args:
        report: The events and conflicts.
        coverage: What the report covers.
    """
    return summarize(report) if report.groups else describe_no_conflicts(report, coverage)


def describe_no_conflicts(report: ConflictReport, coverage: Coverage) -> str:
    """Return a sentence like "No conflicts among 3 events of anna, 16-21 Nov 2026.".

    Without any event, it says how many lie outside of the window, and which option reads them.

    Args:
        report: A report without conflicts.
        coverage: What the report covers.
    """
    if not report.event_count:
        return _describe_no_events(coverage)
    invitation = f" with {printable(report.only)}" if report.only else ""
    events = pluralize(report.event_count, _noun(coverage))
    days = f", {format_day_span(*_days(coverage.window, coverage))}" if coverage.window else ""
    return f"No conflicts{invitation} among {events} {_describe_scope(report, coverage)}{days}."


def _describe_no_events(coverage: Coverage) -> str:
    if not coverage.window:
        return f"No {_noun(coverage)}s in {_describe_sources(coverage)}."
    first, last = (format_day_span(day, day) for day in _days(coverage.window, coverage))
    window = f"from {first} to {last}" if first != last else f"on {first}"
    if not coverage.outside:
        return f"No {_noun(coverage)}s {window} in {_describe_sources(coverage)}."
    outside = _describe_outside(coverage.outside, coverage.window, coverage)
    return f"No {_noun(coverage)}s {window}; {outside}"


def _noun(coverage: Coverage) -> str:
    return "booking" if coverage.kind == "bookings" else "event"


def _describe_outside(outside: Outside, window: Span, coverage: Coverage) -> str:
    first, last = (day_of(instant, coverage.zone) for instant in (outside.first, outside.last))
    option = f"--from {first}" if outside.first < window[0] else f"--to {last}"
    number, starts = describe_number_outside(outside, coverage), describe_starts(outside, coverage)
    return f"{number} outside ({starts}): {option}"


def _days(span: Span, coverage: Coverage) -> tuple[date, date]:
    """Return the first and the last day of a span."""
    return day_of(span[0], coverage.zone), day_of(span[1] - 1, coverage.zone)


def _describe_scope(report: ConflictReport, coverage: Coverage) -> str:
    names = [rules.name for rules in coverage.calendars]
    if len(names) == 1 and names[0]:
        return f"of {printable(names[0])}"
    return f"of {report.scope}" if report.scope else f"in {_describe_sources(coverage)}"


def _describe_sources(coverage: Coverage) -> str:
    names = list(dict.fromkeys(map(printable, coverage.sources)))
    if len(names) > MAX_SOURCES:
        return f"{len(names)} files"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:]))) or "no file"
