"""What is found in columns besides groups: overlaps, and the groups of a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from double_booked.columns.kernel import Column


@dataclass(frozen=True, slots=True)
class Sweep:
    """The groups of one range of a resource, as far as the range alone shows them.

    Attributes:
        first: int64 for each row: the row of the first member of its local group, null for none.
        overloaded: Whether more events were present than the capacity.
        first_at: The row whose arrival first put more than the capacity present, or None.
        first_group: The `first` of the first local group, or None.
        last_group: The `first` of the last local group, or None.
    """

    first: Column
    overloaded: bool
    first_at: int | None
    first_group: int | None
    last_group: int | None


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The spans in which more events are present on a resource than its capacity.

    It is a table for any library that reads Arrow's PyCapsule interface. The rows are in the order
    of groups, and those of a group in the order of time.

    Attributes:
        start: The first instant, of the type of the events' starts.
        end: The instant at which it is over, of that type; equal to the start for an instant.
        depth: int64: how many events are present.
        group: int64: the position of the group in `Groups.members`.
        members: list<int64>: the rows of the events that are present, by start.
        table: The same columns as one struct.
    """

    start: Column
    end: Column
    depth: Column
    group: Column
    members: Column
    table: Column

    def __len__(self) -> int:
        """Return the number of overlaps."""
        return len(self.table)

    def __arrow_c_schema__(self) -> object:
        """Return the type as a PyCapsule of an ArrowSchema."""
        return self.table.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Return type and content as PyCapsules; the type is the table's own always."""
        return self.table.__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the table as a PyCapsule of a stream of one chunk."""
        return self.table.__arrow_c_stream__(requested_schema)
