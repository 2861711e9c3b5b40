"""What a view covers, in words: the facts below its headline, and notes of what it leaves out."""

from collections.abc import Sequence
from posixpath import commonpath, dirname

from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import pluralize
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.printable import printable
from double_booked.view.times import day_of, format_day, format_day_span

MAX_SOURCES = 2
"""The maximum number of files that the facts name; more are counted."""

MAX_PROBLEMS = 5
"""The maximum number of problems that the notes list; more are counted."""


def describe_facts(
    coverage: Coverage, days: Sequence[str], sources: Sequence[str], events: int, calendars: int
) -> list[str]:
    """Return the period, the numbers, and the sources; those that are known.

    Args:
        coverage: What the report covers.
        days: The labels of the days of the view, in order.
        sources: The files, each once.
        events: How many events there are, also those that the view does not list.
        calendars: How many calendars there are.
    """
    numbers = f"{pluralize(events, 'event')}, {pluralize(calendars, 'calendar')}"
    facts = [_describe_period(coverage, days), numbers, _describe_sources(sources)]
    return [fact for fact in facts if fact]


def describe_omissions(outside: Outside | None, coverage: Coverage, left_out: int) -> list[str]:
    """Return sentences for problems, the events that lie outside, and those that are not listed.

    Args:
        outside: What lies outside of the window.
        coverage: What the report covers.
        left_out: How many events are not listed.
    """
    notes = _describe_problems(coverage.problems)
    if outside:
        starts = describe_starts(outside, coverage)
        notes.append(
            f"{describe_number_outside(outside, coverage)} outside of this time ({starts})."
        )
    if left_out:
        notes.append(f"{pluralize(left_out, 'event')} without a conflict not shown.")
    return notes


def describe_number_outside(outside: Outside, coverage: Coverage) -> str:
    """Return how many lie outside of the window, like "3 events or series lie"."""
    nouns = (
        ("booking", "bookings")
        if coverage.kind == "bookings"
        else ("event or series", "events or series")
    )
    return pluralize(outside.events, f"{nouns[0]} lies", f"{nouns[1]} lie")


def describe_starts(outside: Outside, coverage: Coverage) -> str:
    """Return when what lies outside starts, like "start: 16-18 Nov 2026"; a series may last on."""
    days = (day_of(instant, coverage.zone) for instant in (outside.first, outside.last))
    return f"start: {format_day_span(*days)}"


def _describe_problems(problems: Sequence[str]) -> list[str]:
    shown = [f"{problem[:1].upper()}{printable(problem[1:])}." for problem in problems]
    more = len(shown) - MAX_PROBLEMS
    return [*shown[:MAX_PROBLEMS], f"And {more} more."] if more > 0 else shown


def common_folder(sources: Sequence[str]) -> str:
    """Return the folder that all paths are in, with its slash; "" if there is none."""
    folders = [dirname(source) for source in sources]
    if not all(folders) or len({folder.startswith("/") for folder in folders}) != 1:
        return ""
    folder = commonpath(folders)
    return folder if folder in {"", "/"} else f"{folder}/"


def _describe_period(coverage: Coverage, days: Sequence[str]) -> str:
    return _join(_label_window(coverage.window, coverage) if coverage.window else days)


def _label_window(window: Span, coverage: Coverage) -> list[str]:
    ends = window[0], max(window[0], window[1] - 1)
    return [format_day(day_of(instant, coverage.zone)) for instant in ends]


def _describe_sources(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    folder = common_folder(sources)
    names = [source.removeprefix(folder) for source in sources]
    more = len(names) - MAX_SOURCES
    listed = ", ".join(names[:MAX_SOURCES]) + (f" and {more} more" if more > 0 else "")
    where = f"{folder[:-1]}: " if folder and len(names) > 1 else folder
    return f"from {where}{listed}"


def _join(parts: Sequence[str]) -> str:
    """Return like "first to last", or one of them if they are equal."""
    return " to ".join(dict.fromkeys([*parts[:1], *parts[-1:]]))
