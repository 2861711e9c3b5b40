"""What is wrong with columns: which rows cannot be used, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

MAX_FAULTS = 100
"""The maximum number of faults that an InvalidColumnsError lists; it counts all of them."""

_IN_MESSAGE = 3


class FaultKind(IntEnum):
    """The kinds of faults of a row; the kernel uses the same numbers."""

    START_NULL = 1
    START_YEAR = 2
    START_NANOS = 3
    END_NULL = 4
    END_YEAR = 5
    END_NANOS = 6
    END_BEFORE_START = 7
    RESOURCE_NULL = 8
    RESOURCE_CODE = 9


_YEAR = "is outside 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z"
_NANOS = "has nanos outside 0 to 999999999"

_WORDS = {
    FaultKind.START_NULL: "the start is null",
    FaultKind.START_YEAR: f"the start {_YEAR}",
    FaultKind.START_NANOS: f"the start {_NANOS}",
    FaultKind.END_NULL: "the end is null",
    FaultKind.END_YEAR: f"the end {_YEAR}",
    FaultKind.END_NANOS: f"the end {_NANOS}",
    FaultKind.END_BEFORE_START: "the end is before the start",
    FaultKind.RESOURCE_NULL: 'the resource is null; use "" for an event without a resource',
    FaultKind.RESOURCE_CODE: "the resource is a code that is negative, too large or not in the "
    "dictionary; encode large numbers as a dictionary",
}


_TYPES = {
    "n": "null",
    "b": "boolean",
    "i": "int32",
    "f": "float32",
    "g": "float64",
    "l": "int64",
    "u": "string",
    "U": "large string",
    "vu": "string view",
    "tdD": "date of days",
    "tdm": "date of milliseconds",
    "+s": "struct",
    "+l": "list",
}

_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be used.

    Attributes:
        row: Its number, from 0.
        reason: What is wrong with it.
    """

    row: int
    reason: str


class InvalidColumnsError(ValueError):
    """Columns that cannot be used: their type, their length, or the content of rows.

    Attributes:
        faults: The first MAX_FAULTS rows at fault, in their order; empty if a column as a whole
            is at fault.
        count: The number of all rows at fault.
    """

    def __init__(self, message: str, faults: Sequence[Fault] = (), count: int = 0) -> None:
        self.faults = tuple(faults)
        self.count = count
        super().__init__(message)


def invalid_rows(faults: Sequence[tuple[int, int]], count: int) -> InvalidColumnsError:
    """Return the error for rows at fault.

    Args:
        faults: The row and the FaultKind of each of the first MAX_FAULTS.
        count: The number of all rows at fault.
    """
    described = [Fault(row, _WORDS[FaultKind(kind)]) for row, kind in faults]
    shown = "; ".join(f"row {fault.row}: {fault.reason}" for fault in described[:_IN_MESSAGE])
    more = f"; {count - _IN_MESSAGE} more rows" if count > _IN_MESSAGE else ""
    return InvalidColumnsError(shown + more, described, count)


def invalid_type(column: str, arrow_format: str, accepted: str) -> InvalidColumnsError:
    """Return the error for a column of a type that cannot be used.

    Args:
        column: The name of the argument.
        arrow_format: Its type, as an Arrow schema writes it.
        accepted: The types that can be used.
    """
    found = _type_name(arrow_format)
    return InvalidColumnsError(f"{column} is of type {found}; convert it to {accepted}")


def different_types(start_format: str, end_format: str) -> InvalidColumnsError:
    """Return the error for starts and ends of different types.

    Args:
        start_format: The type of the starts, as an Arrow schema writes it.
        end_format: The type of the ends.
    """
    start, end = _type_name(start_format), _type_name(end_format)
    return InvalidColumnsError(
        f"start and end are of different types, {start} and {end}; convert one of them"
    )


def _type_name(arrow_format: str) -> str:
    """Return a type in words, or its format if it is a rare one."""
    kind, _, zone = arrow_format.partition(":")
    if kind[:-1] == "ts":
        where = f"with the zone {zone}" if zone else "without a zone"
        return f"timestamp in {_UNITS[kind[-1]]} {where}"
    return _TYPES.get(arrow_format, f"Arrow type {arrow_format}")
