"""The conflicts of events in columns: Arrow tables of any library, and NumPy arrays."""

from double_booked.columns.errors import Fault, InvalidColumnsError
from double_booked.columns.finding import find_groups, find_overlaps
from double_booked.columns.kernel import Column, Groups
from double_booked.columns.results import Overlaps

__all__ = [
    "Column",
    "Fault",
    "Groups",
    "InvalidColumnsError",
    "Overlaps",
    "find_groups",
    "find_overlaps",
]
