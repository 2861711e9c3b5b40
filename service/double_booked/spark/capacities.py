"""How many events may be present at an instant on each resource."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from double_booked.columns.finding import integer
from double_booked.conflicts.options import MAX_CAPACITY
from double_booked.spark.errors import InvalidTableError


@dataclass(frozen=True, slots=True)
class Capacities:
    """The capacities of resources.

    Attributes:
        default: The capacity of a resource that `by_resource` does not have.
        by_resource: By the name of the resource.
    """

    default: int = 1
    by_resource: Mapping[str, int] = field(default_factory=dict)

    def of(self, resource: str) -> int:
        """Return the capacity of a resource."""
        return self.by_resource.get(resource, self.default)

    def named(self) -> int | Mapping[str, int]:
        """Return what `columns.find_groups` takes: a mapping has a default of 1."""
        return self.by_resource or self.default


def read_capacities(capacity: int | Mapping[str, int] | DataFrame) -> Capacities:
    """Return the capacities; those of a DataFrame are collected on the driver.

    Raises:
        InvalidTableError: A capacity is not from 1 to 2^32 - 1, or a resource has two.
    """
    if isinstance(capacity, Mapping):
        return Capacities(by_resource=_by_resource(capacity.items()))
    if isinstance(capacity, DataFrame):
        return Capacities(by_resource=_by_resource(_collect(capacity)))
    others = ", a mapping by resource, or a DataFrame of Spark"
    return Capacities(default=_checked(capacity, "capacity", others))


def _collect(table: DataFrame) -> list[tuple[str, int]]:
    missing = {"resource", "capacity"} - set(table.columns)
    if missing:
        raise InvalidTableError(
            f"the table of capacities has no column {min(missing)!r}; it needs resource, capacity."
        )
    return [tuple(row) for row in table.select("resource", "capacity").distinct().collect()]


def _by_resource(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    capacities: dict[str, int] = {}
    for resource, capacity in pairs:
        if not isinstance(resource, str):
            raise InvalidTableError(f"a capacity has the resource {_shown(resource)}; use a name.")
        number = _checked(capacity, f"the capacity of resource {resource!r}")
        if capacities.setdefault(resource, number) != number:
            raise InvalidTableError(f"resource {resource!r} has two capacities; state one.")
    return capacities


def _checked(capacity: object, what: str, others: str = "") -> int:
    """Return a capacity.

    Raises:
        InvalidTableError: It is not from 1 to 2^32 - 1.
    """
    number = integer(capacity)
    if number is not None and 1 <= number <= MAX_CAPACITY:
        return number
    raise InvalidTableError(
        f"{what} is {_shown(capacity)}; use an integer from 1 to {MAX_CAPACITY}{others}."
    )


def _shown(value: object) -> str:
    return "null" if value is None else repr(value)
