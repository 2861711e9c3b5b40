"""What `double-booked check` covers: files, window and calendars."""

import time

from double_booked.calendars.merging import MergedEvents, find_outside
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.conflicts.instants import to_instant
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.view.coverage import CalendarRules, Coverage


def cover_files(merged: MergedEvents, options: ReadOptions) -> Coverage:
    """Return what the events of files cover.

    Args:
        merged: The events and the files.
        options: How the files were read.
    """
    window = options.calendar.window
    has_window = options.window is not None or any(file.is_expanded for file in merged.files)
    rules = merged.request.options
    return Coverage(
        "check",
        time.time_ns(),
        options.calendar.zone,
        [file.name for file in merged.files],
        [CalendarRules(name, capacity_of(name, rules), gap_of(rules)) for name in _names(merged)],
        (to_instant(window.start), to_instant(window.end)) if has_window else None,
        find_outside(merged.files),
    )


def _names(merged: MergedEvents) -> list[str]:
    """Return the names of all calendars and resources, those without events too."""
    calendars = {file.calendar for file in merged.files if file.calendar and file.has_entries}
    return sorted(calendars | merged.resources)
