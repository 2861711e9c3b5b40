"""Where a calendar is over its capacity, and the sentences that describe it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter

from double_booked.conflicts.instants import Span
from double_booked.operator.intervals import BookedSpan
from double_booked.operator.links import Links, count_pairs, linked_with
from double_booked.operator.objects import NamespacedName, Rules, format_time

MAX_IN_SENTENCE = 10
"""Maximum number of bookings that a sentence names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The bookings on a calendar, with what they occupy.

    Attributes:
        intervals: Spans with their bookings; the spans of one booking do not overlap.
        links: The links among the bookings.
    """

    intervals: Sequence[BookedSpan]
    links: Links = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalendarOverlap:
    """A span in which a booking would put a calendar over its capacity.

    Attributes:
        calendar: The calendar's name.
        rules: Its rules.
        span: The first such span of the calendar.
        others: The other bookings that are present in the span, by start.
        pending: Those of them that are only reserved: their write may still come.
        retry_seconds: Seconds until it is known of every pending booking whether it was written.
    """

    calendar: str
    rules: Rules
    span: Span
    others: tuple[NamespacedName, ...]
    pending: frozenset[NamespacedName] = frozenset()
    retry_seconds: int = 0


def clip(intervals: Iterable[BookedSpan], within: Span) -> Iterator[BookedSpan]:
    """Yield the parts of booked spans that lie within a span."""
    for start, end, key in intervals:
        if start < within[1] and end > within[0]:
            yield max(start, within[0]), min(end, within[1]), key


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return the union of some spans, as sorted spans that neither overlap nor touch."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def subtract(spans: Iterable[Span], less: Iterable[Span]) -> list[Span]:
    """Return the parts of some spans that lie outside all of the others."""
    parts = list(spans)
    for first, last in less:
        parts = [
            part
            for start, end in parts
            for part in ((start, min(end, first)), (max(start, last), end))
            if part[0] < part[1]
        ]
    return parts


def depth_steps(occupancy: Occupancy, within: Span) -> list[tuple[int, int]]:
    """Return the instants within a span at which the depth may change, and the depth from there.

    The first instant is the start of the span. A linked pair counts once.
    """
    changes: Counter[int] = Counter({within[0]: 0})
    for start, end, _ in clip(occupancy.intervals, within):
        changes[start] += 1
        changes[end] -= 1
    if occupancy.links:
        for instant, change in _pair_changes(occupancy, within):
            changes[instant] -= change
    del changes[within[1]]
    depth = 0
    steps = []
    for instant in sorted(changes):
        depth += changes[instant]
        steps.append((instant, depth))
    return steps


def _pair_changes(occupancy: Occupancy, within: Span) -> Iterator[tuple[int, int]]:
    """Yield the instants at which linked bookings start or end, and the change in pairs there."""
    changes: dict[int, list[tuple[bool, NamespacedName]]] = {}
    for start, end, key in clip(occupancy.intervals, within):
        if key in occupancy.links:
            changes.setdefault(start, []).append((True, key))
            changes.setdefault(end, []).append((False, key))
    present: set[NamespacedName] = set()
    for instant in sorted(changes):
        # Pairs change only among bookings that are linked with one that starts or ends here.
        near = set().union(*(linked_with(key, occupancy.links) for _, key in changes[instant]))
        before = count_pairs(near & present, occupancy.links)
        # A booking whose spans touch ends and starts at one instant: sorted, the end is first.
        for is_start, key in sorted(changes[instant]):
            (present.add if is_start else present.discard)(key)
        yield instant, count_pairs(near & present, occupancy.links) - before


def overloaded_spans(steps: Iterable[tuple[int, int]], end: int, capacity: int) -> list[Span]:
    """Return the spans in which the depth is greater than a capacity; adjacent ones are merged.

    Args:
        steps: Instants and depths, as `depth_steps` returns them.
        end: The end of the last step.
        capacity: How many may be present.
    """
    spans: list[Span] = []
    for (start, depth), (until, _) in pairwise((*steps, (end, 0))):
        if depth > capacity:
            first = spans.pop()[0] if spans and spans[-1][1] == start else start
            spans.append((first, until))
    return spans


def overlaps_any(span: Span, spans: Sequence[Span]) -> bool:
    """Whether a span is not empty and overlaps one of others, which are sorted and disjoint."""
    at = bisect_right(spans, span[0], key=itemgetter(1))
    return span[0] < span[1] and at < len(spans) and spans[at][0] < span[1]


def bookings_during(span: Span, intervals: Iterable[BookedSpan]) -> list[NamespacedName]:
    """Return the bookings that are present in a span, by start."""
    present = sorted(
        (start, key) for start, end, key in intervals if start < span[1] and end > span[0]
    )
    return list(dict.fromkeys(key for _, key in present))


def describe_overlap(overlap: CalendarOverlap, names: int = MAX_IN_SENTENCE) -> str:
    """Return a clause that names the calendar, the conflicting bookings and the time.

    Args:
        overlap: The overlap.
        names: The most bookings to name.
    """
    rules = overlap.rules
    gap = f", with {rules.gap_text} after each" if rules.gap else ""
    stored = [key.name for key in overlap.others if key not in overlap.pending]
    reserved = [key.name for key in overlap.others if key in overlap.pending]
    when = _describe_span(overlap.span)
    parts = [f"calendar {overlap.calendar} takes {rules.capacity} at a time{gap}"]
    if stored:
        verb = "has" if len(stored) == 1 else "have"
        parts.append(f"{name_some(stored[:names], len(stored))} {verb} it {when}")
    if reserved:
        who = name_some(reserved[:names], len(reserved))
        subject = "it" if stored else f"{when} it"
        retry = f"try again in {overlap.retry_seconds} seconds"
        parts.append(f"{subject} is being booked by {who} just now; {retry}")
    return ", and ".join(parts)


def name_some(names: Sequence[str], count: int) -> str:
    """Return text like "a, b and 3 more", for `count` names of which some are given."""
    listed = ", ".join(names)
    left = count - len(names)
    return f"{listed} and {left} more" if left > 0 else listed


def _describe_span(span: Span) -> str:
    start, end = span
    if end - start == 1:
        return f"at {format_time(start)}"
    return f"from {format_time(start)} to {format_time(end)}"
