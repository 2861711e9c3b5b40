"""Find groups and overlaps in columns."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from numbers import Number
from operator import index
from typing import Literal, TypeVar

from double_booked.columns.kernel import Groups, Search
from double_booked.columns.results import Overlaps
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.conflicts.options import MAX_CAPACITY
from double_booked.conflicts.validation import MAX_GAP_SECONDS

T = TypeVar("T")

Unit = Literal["s", "ms", "us", "ns"]
"""What an integer counts."""

UNITS: dict[Unit, int] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""The nanoseconds of each unit."""

_ROWS_AT_ONCE = 1_000
"""So many rows take 0.1 ms, or 20 ms if all overlap; a thread of their own would add 0.1."""


def find_groups(
    start: object,
    end: object,
    resource: object = None,
    *,
    unit: Unit = "ns",
    capacity: int | Mapping[str, int] | object = 1,
    amount: object = None,
    min_gap: int | timedelta = 0,
) -> Groups:
    """Return the groups of events that conflict, as conflicts/definition.py defines them.

    Each column has `__arrow_c_array__` or `__arrow_c_stream__`, as those of pyarrow, Polars,
    pandas, DuckDB and nanoarrow, or is a NumPy array or another buffer of integers.

    Args:
        start: The first instant of each event: a timestamp, int64, or a struct of seconds (int64)
            and nanos (int32) since 1970.
        end: The instant at which each event is over, of the same type.
        resource: What each event occupies: a string, a dictionary code, a list of them, or an
            integer; None if all events occupy one resource.
        unit: What int64 times count, since 1970.
        capacity: How many events may be present on a resource: a number for all, a mapping from
            names, with 1 for other names, or an array by dictionary code.
        amount: None, or integers, which have to be 1.
        min_gap: How long an event occupies its resources after its end, in nanoseconds or as a
            timedelta.

    Raises:
        InvalidColumnsError: A column is of a wrong type or length, or rows have nulls, an end
            before the start, or a year outside 1 to 9999.
        ValueError: An option is invalid.
    """
    search = _open(start, end, resource, unit, (capacity, amount, min_gap))
    return _run(search.find_groups, search)


def find_overlaps(
    start: object,
    end: object,
    resource: object = None,
    *,
    unit: Unit = "ns",
    capacity: int | Mapping[str, int] | object = 1,
    amount: object = None,
    min_gap: int | timedelta = 0,
) -> Overlaps:
    """Return the spans in which more events are present on a resource than its capacity.

    The arguments and the errors are those of find_groups. An overlap lists all events that are
    present, so where thousands are, the answer is far larger than the columns.

    Raises:
        InvalidColumnsError: As find_groups, or the columns' type cannot hold the end of an overlap,
            which includes `min_gap`.
        ValueError: An option is invalid.
    """
    search = _open(start, end, resource, unit, (capacity, amount, min_gap))
    return _run(search.find_overlaps, search)


def _open(
    start: object,
    end: object,
    resource: object,
    unit: Unit,
    options: tuple[object, object, int | timedelta],
) -> Search:
    """Return a search with checked options: capacity, amount and gap."""
    capacity, amount, min_gap = options
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}; use one of {', '.join(UNITS)}")
    return Search(
        start,
        end,
        resource,
        scale=UNITS[unit],
        capacity=_checked_capacity(capacity),
        amount=amount,
        min_gap=gap_nanoseconds(min_gap),
    )


def gap_nanoseconds(min_gap: int | timedelta) -> int:
    """Return a gap in nanoseconds.

    Raises:
        ValueError: It is no number, negative, or longer than 9999 years.
    """
    if isinstance(min_gap, timedelta):
        return _checked_gap(min_gap // timedelta(microseconds=1) * 1_000)
    return _checked_gap(min_gap)


def _checked_gap(gap: object) -> int:
    number = integer(gap)
    if number is None or not 0 <= number <= MAX_GAP_SECONDS * NANOS_PER_SECOND:
        raise ValueError(
            f"min_gap is {gap!r}; use nanoseconds or a datetime.timedelta, from 0 to 9999 years"
        )
    return number


def integer(number: object) -> int | None:
    """Return an integer of Python or of NumPy as one of Python, and None for anything else.

    A truth value is no integer here, nor is numpy.timedelta64, which NumPy registers as one.
    """
    if isinstance(number, bool):
        return None
    try:
        return index(number)  # type: ignore[arg-type]
    except TypeError:
        return None


def _checked_capacity(capacity: object) -> object:
    """Return the capacity with Python's integers; a column is not looked at.

    Raises:
        ValueError: A number is not 1 or more, or it is something else than a column.
    """
    if capacity is None or isinstance(capacity, Number | str | bytes):
        return _checked_number(capacity, "capacity", ", a mapping from names, or a column")
    if isinstance(capacity, Mapping):
        return {
            _checked_name(name): _checked_number(number, f"capacity[{name!r}]")
            for name, number in capacity.items()
        }
    return capacity


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"capacity has the name {name!r}; use strings")  # noqa: TRY004 - an option
    return name


def _checked_number(value: object, path: str, others: str = "") -> int:
    number = integer(value)
    if number is None or not 1 <= number <= MAX_CAPACITY:
        raise ValueError(f"{path} is {value!r}; use an integer from 1 to {MAX_CAPACITY}{others}")
    return number


def _run(work: Callable[[], T], search: Search) -> T:
    """Return what the search finds; an interrupt of the main thread ends it."""
    if search.rows <= _ROWS_AT_ONCE or threading.current_thread() is not threading.main_thread():
        return work()
    # Python handles signals in the main thread, and between its instructions only. So that
    # thread waits, and another one is in the kernel.
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except BaseException:
            search.cancel()
            raise
