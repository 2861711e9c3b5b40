"""Check a recorded history of Bookings and Calendars: the capacity at each write, each rejection.

No code is shared with the operator. Times of bookings are whole seconds since 1970, and bookings
last at least a second. Clock times are seconds of the recording process's clock.
"""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

Kind = Literal["bookings", "calendars"]
Outcome = Literal["stored", "refused", "failed"]
Span = tuple[int, int]

RESERVED_SECONDS = 65.0
"""Seconds that a failed write may stay reserved after its admission (EXPIRY_SECONDS is 60)."""


@dataclass(frozen=True, slots=True)
class Booking:
    """The spec of a Booking."""

    name: str
    start: int
    end: int
    calendars: frozenset[str]
    replaces: frozenset[str] = frozenset()

    def span(self, gap: int) -> Span:
        """Return the span that it occupies on a calendar with a gap of `gap` seconds."""
        return self.start, self.end + gap


@dataclass(frozen=True, slots=True)
class Rules:
    """The spec of a Calendar; the gap is in seconds."""

    capacity: int
    gap: int = 0
    rejects: bool = True


Spec = Booking | Rules


@dataclass(frozen=True, slots=True)
class Event:
    """An event from a watch.

    Attributes:
        version: The resourceVersion.
        kind: The plural of the kind.
        name: The name of the object.
        spec: The stored spec; None for a deletion.
        seen: Clock time at which the watch brought it; it was stored before.
    """

    version: int
    kind: Kind
    name: str
    spec: Spec | None
    seen: float = 0.0


@dataclass(frozen=True, slots=True)
class Write:
    """A request that a client sent.

    Attributes:
        started: Clock time of the request.
        ended: Clock time of the answer.
        kind: The plural of the kind.
        name: The name of the object.
        wanted: The complete requested spec; None for a deletion.
        outcome: The outcome; "failed" if anyone but the operator rejected it.
        version: The stored resourceVersion; 0 if it was not stored, or is not known.
        message: Why it was rejected.
        creates: Whether it was a create; then all its time is added.
    """

    started: float
    ended: float
    kind: Kind
    name: str
    wanted: Spec | None
    outcome: Outcome
    version: int = 0
    message: str = ""
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation in a ledger, and the clock times between which the ledger had it."""

    name: str
    spec: Spec
    start: float
    end: float


def read_event(kind: Kind, raw: Mapping[str, Any], seen: float) -> Event:
    """Return the event in a line of a watch."""
    stored = raw["object"]
    name, version = stored["metadata"]["name"], int(stored["metadata"]["resourceVersion"])
    if raw["type"] == "DELETED":
        return Event(version, kind, name, None, seen)
    return Event(version, kind, name, read_spec(kind, name, stored["spec"]), seen)


def read_spec(kind: Kind, name: str, spec: Mapping[str, Any]) -> Spec:
    """Return the fields of a spec that matter here."""
    if kind == "calendars":
        gap = int(str(spec.get("minGap", "0s")).removesuffix("s"))
        return Rules(spec.get("capacity", 1), gap, spec.get("policy", "Reject") == "Reject")
    start, end = (
        int(dt.datetime.fromisoformat(spec[field]).timestamp()) for field in ("start", "end")
    )
    return Booking(
        name, start, end, frozenset(spec["calendars"]), frozenset(spec.get("replaces") or ())
    )


def pairs(names: Collection[str], related: Collection[frozenset[str]]) -> int:
    """Return the maximum number of disjoint pairs of related names."""
    within = [pair for pair in related if pair <= set(names)]
    if not within:
        return 0
    # Either the first pair is used, and both its names are taken, or it is not.
    first, *rest = within
    without = pairs(names, rest)
    return max(without, 1 + pairs(set(names) - first, rest))


def depth(present: Collection[Booking]) -> int:
    """Return the depth of the present bookings, where a related pair counts as one."""
    names = {booking.name for booking in present}
    related = {
        frozenset({booking.name, other})
        for booking in present
        for other in booking.replaces & names
    }
    return len(names) - pairs(names, [pair for pair in related if len(pair) == 2])


def violations(events: Iterable[Event], writes: Iterable[Write] = ()) -> list[str]:
    """Return a message for each write that put a calendar over its capacity, or further over it.

    A booking may be reviewed before a capacity is lowered and stored afterwards. Therefore the
    largest capacity since the start of the request counts.

    Args:
        events: All events, in any order.
        writes: The requests that caused them.
    """
    began = _versions_at_start(writes)
    bookings: dict[str, Booking] = {}
    calendars: dict[str, list[tuple[int, Rules | None]]] = {}
    found = []
    for event in sorted(events, key=lambda stored: stored.version):
        if event.kind == "calendars":
            rules = event.spec if isinstance(event.spec, Rules) else None
            calendars.setdefault(event.name, []).append((event.version, rules))
            continue
        before = bookings.get(event.name)
        after = event.spec if isinstance(event.spec, Booking) else None
        if before == after:
            continue
        others = [booking for booking in bookings.values() if booking.name != event.name]
        bookings.pop(event.name, None)
        if after:
            bookings[event.name] = after
        since = began.get(event.version, event.version)
        for calendar in sorted(_calendars_of(before) | _calendars_of(after)):
            if rules := _loosest(calendars.get(calendar, []), since, event.version):
                found += (
                    f"{event.version}: {event.name} makes {calendar}, which takes"
                    f" {rules.capacity}, {now} deep at {_text(at)}"
                    for at, was, now in _depths(calendar, rules.gap, others, before, after)
                    if now > max(was, rules.capacity)
                )
    return found


def unjustified(
    events: Iterable[Event], writes: Sequence[Write], reserved: Iterable[Reserved] = ()
) -> list[Write]:
    """Return each rejected write that no stored or reserved booking explains.

    A spec may count from the start of the request that stored it, because it is reserved first,
    until the watch brings the next state of the object. The API server reviews a patch again if a
    status was written meanwhile, or if the object was deleted and created again. So a change that
    was finally rejected, or stored in a new object of the same name, may have been admitted and
    reserved before. It counts for the rejections that name its booking.

    Args:
        events: All events, in any order.
        writes: All requests.
        reserved: The recorded reservations; without them, what the requests may have reserved.
    """
    timeline = _timeline(events, writes)
    timeline += [_Phase(one.name, one.spec, one.start, one.end, "failed") for one in reserved]
    timeline.sort(key=lambda phase: phase.start)
    return [
        write
        for write in writes
        if write.outcome == "refused" and not _is_justified(write, timeline)
    ]


@dataclass(frozen=True, slots=True)
class _Phase:
    """A spec of an object, and the clock times in which it may count.

    Attributes:
        start: The first clock time at which it may count.
        end: The last clock time at which it may count.
        outcome: The outcome of the write; "refused" for a review without a stored object.
    """

    name: str
    spec: Spec
    start: float
    end: float
    outcome: Outcome = "stored"

    def matters_to(self, write: Write, named: Collection[str]) -> bool:
        """Return whether the phase may explain a rejection that names some bookings."""
        return (
            self.start <= write.ended
            and self.end >= write.started
            and (self.outcome != "refused" or self.name in named)
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """The specs of each Booking and Calendar that may count at one moment.

    Attributes:
        olds: The existing specs of the Booking that the write changes.
    """

    bookings: dict[str, list[Booking]] = field(default_factory=dict)
    calendars: dict[str, list[Rules]] = field(default_factory=dict)
    olds: list[Booking] = field(default_factory=list)

    def add(self, phase: _Phase, write: Write) -> None:
        """Add the spec of a phase, as seen by a write."""
        if isinstance(phase.spec, Rules):
            self.calendars.setdefault(phase.name, []).append(phase.spec)
        elif phase.name != write.name:
            self.bookings.setdefault(phase.name, []).append(phase.spec)
        elif phase.outcome == "stored" and not write.creates:
            self.olds.append(phase.spec)


def _timeline(events: Iterable[Event], writes: Sequence[Write]) -> list[_Phase]:
    """Return all phases, sorted by start."""
    # A request without a change is answered with the previous version.
    latest_first = sorted(writes, key=lambda sent: -sent.started)
    started = {write.version: write.started for write in latest_first if write.version}
    histories: dict[tuple[Kind, str], list[Event]] = {}
    for event in sorted(events, key=lambda stored: stored.version):
        history = histories.setdefault((event.kind, event.name), [])
        if not history or history[-1].spec != event.spec:
            history.append(event)
    phases = []
    for (_, name), history in histories.items():
        end_of_all = Event(0, "bookings", name, None, float("inf"))
        for event, following in pairwise([*history, end_of_all]):
            if event.spec:
                since = started.get(event.version, event.seen)
                phases.append(_Phase(name, event.spec, since, following.seen))
    for write in writes:
        history = histories.get((write.kind, write.name), [])
        if write.wanted and (write.outcome == "failed" or _may_leave_a_reservation(write, history)):
            until = write.ended + RESERVED_SECONDS
            outcome: Outcome = "failed" if write.outcome == "failed" else "refused"
            phases.append(_Phase(write.name, write.wanted, write.started, until, outcome))
    return sorted(phases, key=lambda phase: phase.start)


def _may_leave_a_reservation(write: Write, history: Iterable[Event]) -> bool:
    """Return whether an earlier review of a change may have admitted it."""
    if write.creates or write.outcome == "refused":
        return not write.creates
    return any(
        change.spec is None and write.started <= change.seen <= write.ended + 1.0
        for change in history
    )


def _is_justified(write: Write, timeline: Sequence[_Phase]) -> bool:
    """Return whether a write did not fit at some moment between its start and its end."""
    if not isinstance(write.wanted, Booking):
        return False
    last = bisect_right(timeline, write.ended, key=lambda phase: phase.start)
    named = set(re.findall(r"[-.\w]+", write.message))
    window = [phase for phase in timeline[:last] if phase.matters_to(write, named)]
    # The set of phases grows only when a phase starts, so only these moments are checked.
    for moment in {
        write.started,
        *(phase.start for phase in window if phase.start > write.started),
    }:
        moment_specs = _Moment()
        for phase in window:
            if phase.start <= moment <= phase.end:
                moment_specs.add(phase, write)
        if any(
            _is_over(write.wanted, calendar, moment_specs) for calendar in write.wanted.calendars
        ):
            return True
    return False


def _is_over(wanted: Booking, calendar: str, moment_specs: _Moment) -> bool:
    """Return whether a booking may exceed the capacity of a calendar in time that it adds."""
    rules = [rule for rule in moment_specs.calendars.get(calendar, []) if rule.rejects]
    if not rules:
        return False
    capacity, gap = min(rule.capacity for rule in rules), max(rule.gap for rule in rules)
    others = {
        name: [spec for spec in specs if calendar in spec.calendars]
        for name, specs in moment_specs.bookings.items()
    }
    names = moment_specs.bookings | {wanted.name: [wanted]}
    for start, end in _added(wanted, moment_specs.olds, calendar, gap):
        around = {
            name: [spec for spec in specs if _overlap(spec.span(gap), (start, end))]
            for name, specs in others.items()
        }
        starts = {spec.start for specs in around.values() for spec in specs}
        for at in {start, *(other for other in starts if start < other < end)}:
            present = {wanted.name} | {
                name
                for name, specs in around.items()
                if any(_covers(spec.span(gap), at) for spec in specs)
            }
            if len(present) > capacity:
                related = [
                    frozenset({one, other})
                    for one in present
                    for other in present
                    if one != other and all(other in spec.replaces for spec in names[one])
                ]
                if len(present) - pairs(present, list(dict.fromkeys(related))) > capacity:
                    return True
    return False


def _added(wanted: Booking, olds: Sequence[Booking], calendar: str, gap: int) -> Iterator[Span]:
    """Yield the spans that a booking may add to those it occupied on a calendar before."""
    span = wanted.span(gap)
    if not olds:
        yield span
    for old in olds:
        before = old.span(gap)
        if (
            calendar not in old.calendars
            or old.replaces - wanted.replaces
            or not _overlap(span, before)
        ):
            yield span
            continue
        if span[0] < before[0]:
            yield span[0], before[0]
        if before[1] < span[1]:
            yield before[1], span[1]


def _depths(
    calendar: str,
    gap: int,
    others: Iterable[Booking],
    before: Booking | None,
    after: Booking | None,
) -> Iterator[tuple[int, int, int]]:
    """Yield instant, depth before and depth after, for each instant at which a depth can change."""
    changed = [spec for spec in (before, after) if spec and calendar in spec.calendars]
    near = [
        booking
        for booking in others
        if calendar in booking.calendars
        and any(_overlap(booking.span(gap), one.span(gap)) for one in changed)
    ]
    # Spans are half-open: the depth is constant from each of these instants to the next.
    instants = {edge for booking in (*near, *changed) for edge in booking.span(gap)}
    for at in sorted(instants):
        present = [booking for booking in near if _covers(booking.span(gap), at)]
        was, now = (
            depth(
                present
                + [
                    booking
                    for booking in changed
                    if booking is one and _covers(booking.span(gap), at)
                ]
            )
            for one in (before, after)
        )
        yield at, was, now


def _versions_at_start(writes: Iterable[Write]) -> dict[int, int]:
    """Return the newest version known at the start of each write, by the version of the write."""
    stored = sorted(
        (write for write in writes if write.version), key=lambda write: (write.ended, write.version)
    )
    ends = [write.ended for write in stored]
    newest: list[int] = []
    for write in stored:
        newest.append(max(write.version, newest[-1] if newest else 0))
    found = {}
    for write in stored:
        known = bisect_right(ends, write.started)
        since = newest[known - 1] if known else 0
        found[write.version] = min(since, found.get(write.version, since))
    return found


def _loosest(history: Sequence[tuple[int, Rules | None]], since: int, until: int) -> Rules | None:
    """Return the rules with the largest capacity between two versions; None if unlimited."""
    at_start = max((version for version, _ in history if version <= since), default=0)
    rules_in_range = [rules for version, rules in history if at_start <= version <= until]
    if not rules_in_range or any(rules is None or not rules.rejects for rules in rules_in_range):
        return None
    return max((rules for rules in rules_in_range if rules), key=lambda rules: rules.capacity)


def _calendars_of(booking: Booking | None) -> frozenset[str]:
    return booking.calendars if booking else frozenset()


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _covers(span: Span, at: int) -> bool:
    return span[0] <= at < span[1]


def _text(at: int) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
