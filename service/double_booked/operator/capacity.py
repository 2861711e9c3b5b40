"""Whether a booking fits on a calendar, and the sentence if it does not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from double_booked.conflicts.definition import NANOS_PER_SECOND, Occupied
from double_booked.conflicts.depth import Span, merge_spans, overloads
from double_booked.operator.objects import Key, Rules, write_time

MAX_IN_SENTENCE = 10
"""How many bookings a sentence names; it counts the others."""

Taken = Mapping[Key, Sequence[Span]]
"""What bookings occupy of a calendar, by booking; the spans of one booking do not overlap."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A time in which a booking would put a calendar over its capacity.

    Attributes:
        calendar: Its name.
        rules: Its rules.
        start: Nanoseconds since 1970.
        end: The same, later than the start.
        others: Those that are present then, by start.
    """

    calendar: str
    rules: Rules
    start: int
    end: int
    others: tuple[Key, ...]


def clip(spans: Iterable[Span], within: Span) -> Iterator[Span]:
    """Those parts of spans that lie in another."""
    for start, end in spans:
        if start < within[1] and end > within[0]:
            yield max(start, within[0]), min(end, within[1])


def subtract(span: Span, less: Span | None) -> list[Span]:
    """What of a span is not in another."""
    if less is None or less[0] >= span[1] or less[1] <= span[0]:
        return [span]
    parts = [(span[0], less[0]), (less[1], span[1])]
    return [part for part in parts if part[0] < part[1]]


def overloaded(span: Span, taken: Taken, capacity: int) -> list[Span]:
    """When within a span more is present than the capacity, with one more that is there always."""
    occupied = [Occupied(0, *span, is_instant=False)]
    for spans in taken.values():
        occupied += (Occupied(0, *part, is_instant=False) for part in clip(spans, span))
    if len(occupied) <= capacity:
        return []
    return merge_spans(overloads(occupied, capacity))


def present(stretches: Sequence[Span], taken: Taken) -> list[Key]:
    """Who is there in one of some times, by start."""
    found = [
        (spans[0][0], key)
        for key, spans in taken.items()
        if any(next(clip(spans, stretch), None) for stretch in stretches)
    ]
    return [key for _, key in sorted(found)]


def first_clash(calendar: str, rules: Rules, parts: Iterable[Span], taken: Taken) -> Clash | None:
    """The first time within some in which a booking does not fit, if there is one."""
    for part in parts:
        if stretches := overloaded(part, taken, rules.capacity):
            others = present(stretches[:1], taken)
            return Clash(calendar, rules, *stretches[0], tuple(others))
    return None


def describe(clash: Clash, names: int = MAX_IN_SENTENCE) -> str:
    """A sentence of what is in the way, on which calendar and when.

    Args:
        clash: What to tell of.
        names: How many bookings to name at most.
    """
    gap = f", with {clash.rules.gap // NANOS_PER_SECOND} s after each" if clash.rules.gap else ""
    verb = "has" if len(clash.others) == 1 else "have"
    return (
        f"calendar {clash.calendar} takes {clash.rules.capacity} at a time{gap}, and"
        f" {name_some([key.name for key in clash.others[:names]], len(clash.others))} {verb} it"
        f" {_describe_time(clash.start, clash.end)}"
    )


def name_some(names: Sequence[str], count: int) -> str:
    """Like "a, b and 3 more", of so many in all."""
    told = ", ".join(names)
    left = count - len(names)
    return f"{told} and {left} more" if left > 0 else told


def _describe_time(start: int, end: int) -> str:
    if end - start == 1:
        return f"at {write_time(start)}"
    return f"from {write_time(start)} to {write_time(end)}"
