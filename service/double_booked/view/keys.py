"""Keys that stay the same as long as a conflict is the same, for links and subscriptions."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from double_booked.conflicts.definition import Overlap
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.view.conflict_report import Entry
from double_booked.view.repeat import Repeat

_A_DAY = 86_400 * NANOS_PER_SECOND


def make_key(identity: tuple[object, ...]) -> str:
    """Return a key of 32 hexadecimal digits; the same identity gives the same key."""
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]


class ConflictKeys:
    """Makes the keys of the overlaps of a report, each different from those before."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Set up for the events of a report."""
        self._entries = entries
        self._used: Counter[str] = Counter()

    def make(self, resource: str, overlap: Overlap, repeat: Repeat | None) -> str:
        """Return the key of an overlap: its resource, its time and the names of its events.

        An overlap that recurs has the same key when its first times are over: its time is that in
        the days between two times, in UTC.

        Args:
            resource: The resource on which the events overlap.
            overlap: The overlap.
            repeat: The repeat of its group; None if the group does not recur.
        """
        names = sorted(self._entries[position].name for position in overlap.members)
        identity: tuple[object, ...] = (resource, *overlap.span, names)
        if repeat:
            time = overlap.start % (repeat.days * _A_DAY)
            identity = (resource, repeat.days, time, overlap.end - overlap.start, names)
        key = make_key(identity)
        self._used[key] += 1
        return key if self._used[key] == 1 else make_key((key, self._used[key]))
