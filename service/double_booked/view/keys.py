"""Keys that stay the same as long as a conflict is the same, for links and subscriptions."""

import hashlib
from collections.abc import Sequence

from double_booked.conflicts.definition import Overlap
from double_booked.view.conflict_report import Entry


def make_key(identity: tuple[object, ...]) -> str:
    """Return a key of 32 hexadecimal digits; the same identity gives the same key."""
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]


def overlap_key(resource: str, overlap: Overlap, entries: Sequence[Entry]) -> str:
    """Return the key of an overlap: its resource, its span and the names of its events.

    Args:
        resource: The resource on which the events overlap.
        overlap: The overlap.
        entries: The events of the report.
    """
    names = sorted(entries[position].name for position in overlap.members)
    return make_key((resource, overlap.start, overlap.end, names))
