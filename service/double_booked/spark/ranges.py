"""What the ranges of one resource exchange, so that each can be swept on its own.

A resource that is too large for one task is cut into ranges: runs of its events in the order of
(start, key). Two passes over a few values of each range make the answer exact. Lemmas:

1. Count. More than `capacity` events can only become present at the start of one. That one is
   present itself, so of the events of earlier ranges the `capacity` latest ends decide it.
2. Waiting. At most `capacity` events are present without being members of a group, because one
   more would make members of all. So the `capacity` events that end latest include each of them.
3. One open group. All members that are present at an instant belong to one group. So a range
   depends on earlier ones only until its first overload: everything present then joins one group,
   the group of a member that is present, or else a new one.
4. Name. A group gets its first members all at once, and later members start later. So its first
   member is the smallest (start, key) that is present at its first overload.

The name of a group is the key of its first member. All times are nanoseconds since 1970.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Key: TypeAlias = Any
"""A value that identifies an event of a resource, and has an order: a number, a string, a date."""


@dataclass(frozen=True, slots=True, order=True)
class Carried:
    """An event that later ranges may have to know, in the order of the padded ends.

    Attributes:
        until: The padded end: until when it is present.
        start: The start.
        key: The key.
        end: The end without the gap; the start if the event has zero length.
        group: The name of the event's group; None if it is not a member yet.
    """

    until: int
    start: int
    key: Key
    end: int = field(compare=False)
    group: Key | None = field(default=None, compare=False)


State: TypeAlias = tuple[Carried, ...]
"""What is carried into a range: of all earlier events the `capacity` that end latest.

It is all that a later range, or a later run, needs.
"""


@dataclass(frozen=True, slots=True)
class SweptRange:
    """What a range reports after its sweep, with groups named by their first member in the range.

    Attributes:
        latest: The `capacity` events of the range that end latest.
        first_at: The start of the event at which more events were present than the capacity for
            the first time; None if that never happened.
        first_member: (start, key) of the first member of the range's first group, if there is one.
    """

    latest: State
    first_at: int | None = None
    first_member: tuple[int, Key] | None = None


@dataclass(frozen=True, slots=True)
class ResolvedRange:
    """What the range's first group really is.

    Attributes:
        group: The name of the range's first group; None if it has no group.
        joined: The events of earlier ranges that became members of it in this range.
        carried: What is carried into the next range.
    """

    group: Key | None
    joined: State
    carried: State


def carry_event(start: int, end: int, key: Key, min_gap: int, group: Key | None = None) -> Carried:
    """Return an event with its padded end; one of zero length is present for 1 ns."""
    return Carried(max(end + min_gap, start + 1), start, key, end, group)


def latest(events: Iterable[Carried], capacity: int) -> State:
    """Return the `capacity` events that end latest, all that a later range needs (lemmas 1, 2)."""
    return tuple(sorted(events, reverse=True)[:capacity])


def carry_ends(
    before: State, latest_by_range: Iterable[Sequence[Carried]], capacity: int
) -> Iterator[State]:
    """Yield for each range the events that are carried into it; only their padded ends are final.

    Args:
        before: What is carried into the first range.
        latest_by_range: For each range, in order, its events that end latest. Those that end
            before the next range starts may be left out.
        capacity: How many events may be present at an instant.
    """
    carried = before
    for events in latest_by_range:
        yield carried
        carried = latest([*carried, *events], capacity)


def resolve(
    before: State, swept_ranges: Iterable[SweptRange], capacity: int
) -> Iterator[ResolvedRange]:
    """Yield for each range which group its first group is, and which events joined it.

    Args:
        before: What is carried into the first range.
        swept_ranges: The ranges in order; one without events may be left out.
        capacity: How many events may be present at an instant.
    """
    carried = before
    for swept in swept_ranges:
        resolved = _resolve_range(carried, swept, capacity)
        yield resolved
        carried = resolved.carried


def _resolve_range(carried: State, swept: SweptRange, capacity: int) -> ResolvedRange:
    if swept.first_at is None or swept.first_member is None:
        return ResolvedRange(None, (), latest([*carried, *swept.latest], capacity))
    present = [event for event in carried if event.until > swept.first_at]
    group = _group_of(present, swept.first_member)
    local = swept.first_member[1]
    known = [replace(event, group=group) if event in present else event for event in carried]
    own = [replace(top, group=group) if top.group == local else top for top in swept.latest]
    joined = tuple(event for event in present if event.group is None)
    return ResolvedRange(group, joined, latest([*known, *own], capacity))


def _group_of(present: Sequence[Carried], first_member: tuple[int, Key]) -> Key:
    """Return the group of a carried member that is present (lemma 3), or a new one's (lemma 4)."""
    for event in present:
        if event.group is not None:
            return event.group
    return min([first_member, *((event.start, event.key) for event in present)])[1]
