"""What a Booking that is to be written would put over a calendar's capacity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from double_booked.conflicts.definition import Occupied
from double_booked.conflicts.depth import Span, overloads
from double_booked.operator.capacity import (
    MAX_IN_SENTENCE,
    Clash,
    Taken,
    describe,
    first_clash,
    subtract,
)
from double_booked.operator.index import Index
from double_booked.operator.objects import Booking, Calendar, Key, Rules, write_time
from double_booked.operator.reservations import Reservations

MAX_WARNING = 256
"""How many characters of a warning the API server surely passes on."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is on calendars, and what may come to be.

    Attributes:
        index: What is known.
        reservations: What was allowed, and may come.
    """

    index: Index
    reservations: Reservations

    def rules(self, calendar: Key) -> Rules | None:
        """The rules of a calendar, or None; the stricter while a change of it is under way."""
        strictest = None
        held = self.index.calendars.get(calendar)
        for rules in (*([held.rules] if held else []), *self.reservations.rules_for(calendar)):
            strictest = rules.stricter(strictest) if strictest else rules
        return strictest

    def taken(self, calendar: Key, span: Span, gap: int, own: Key) -> Taken:
        """What others occupy, or may come to occupy, of a calendar around a time.

        Args:
            calendar: The calendar.
            span: The time.
            gap: Nanoseconds that a booking occupies after its end.
            own: The booking that does not count: there can be only one of a name.
        """
        intervals = self.index.schedule(calendar).intervals
        taken = self.index.taken(intervals, span, gap, own)
        for coming in self.reservations.wanted_on(calendar):
            if coming.key != own:
                known = taken.get(coming.key, [])
                taken[coming.key] = list(_join([*known, coming.occupies(gap)]))
        return taken


def find_clashes(wanted: Booking, old: Booking | None, ledger: Ledger) -> list[Clash]:
    """Finds where a booking does not fit, on each of its calendars the first such time.

    What it occupied before does not count: only overlap that it adds.

    Args:
        wanted: The booking as it would be.
        old: The booking as it is, if it is there.
        ledger: What is on calendars.
    """
    clashes = []
    for calendar in wanted.calendar_keys():
        rules = ledger.rules(calendar)
        if rules is None:
            continue
        span = wanted.occupies(rules.gap)
        before = old.occupies(rules.gap) if old and old.is_on(calendar) else None
        if parts := subtract(span, before):
            taken = ledger.taken(calendar, span, rules.gap, wanted.key)
            if clash := first_clash(calendar.name, rules, parts, taken):
                clashes.append(clash)
    return clashes


def _join(spans: Iterable[Span]) -> Iterator[Span]:
    """The same times, without any that overlap: one booking counts once."""
    last: Span | None = None
    for span in sorted(spans):
        if last and span[0] <= last[1]:
            last = last[0], max(last[1], span[1])
        else:
            if last:
                yield last
            last = span
    if last:
        yield last


def refuse(wanted: Booking, clashes: Iterable[Clash]) -> str:
    """The sentences with which a booking is refused."""
    told = "; ".join(map(describe, clashes))
    return f"{wanted.key.name} would be double-booked: {told}. Choose a time that is free."


def warn(clash: Clash) -> str:
    """One line of a clash that is let in, within MAX_WARNING characters."""
    lines = [f"double-booked: {describe(clash, n)}" for n in range(MAX_IN_SENTENCE, 0, -1)]
    shortest = f"{lines[-1][: MAX_WARNING - 3]}..."
    return next((line for line in lines if len(line) <= MAX_WARNING), shortest)


def warn_of_rules(wanted: Calendar, index: Index) -> list[str]:
    """One line if what is booked on a calendar goes over what it would admit."""
    key, rules = wanted.identity.key, wanted.rules
    bookings = [index.bookings[each] for each in index.on_calendar(key)]
    occupied = (Occupied(0, *each.occupies(rules.gap), is_instant=False) for each in bookings)
    over = list(overloads(occupied, rules.capacity))
    if not over:
        return []
    most = max(each.depth for each in over)
    line = (
        f"calendar {key.name[:60]} takes {rules.capacity} at a time, but up to {most} overlap on"
        f" it, first at {write_time(over[0].start)}: they stay, and are told as double-booked"
    )
    return [line]
