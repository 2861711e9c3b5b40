"""What a sweep over one range of a resource finds."""

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
