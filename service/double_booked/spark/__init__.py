"""The same answer for a table that one machine does not hold, with Apache Spark.

Needs `pip install 'double-booked[spark]'` and Java 17.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from double_booked.spark.errors import ChangedInputError, InvalidTableError

if TYPE_CHECKING:
    from double_booked.spark.conflicts import Conflicts as Conflicts
    from double_booked.spark.plan import Plan as Plan
    from double_booked.spark.search import find_conflicts as find_conflicts

__all__ = ["ChangedInputError", "Conflicts", "InvalidTableError", "Plan", "find_conflicts"]

_MODULES = {"Conflicts": "conflicts", "Plan": "plan", "find_conflicts": "search"}


def __getattr__(name: str) -> object:
    """Import what needs pyspark at its first use.

    Raises:
        ImportError: The extra is not installed.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in {"pyspark", "pyarrow"}:
            raise
        raise ImportError(
            f"double_booked.spark needs {error.name}: pip install 'double-booked[spark]'"
        ) from error
