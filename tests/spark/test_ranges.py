"""Ranges of a resource, swept one by one, give the groups of the definition."""

import inspect
import sys
from random import Random
from types import ModuleType

import pytest
from tests.spark.cases import Case, expected_groups, random_cases
from tests.spark.range_scheme import groups_by_ranges

from double_booked.spark import ranges
from double_booked.spark.ranges import Carried, SweptRange, resolve

MUTATIONS = {
    "one end too few": ("reverse=True)[:capacity]", "reverse=True)[: capacity - 1]"),
    "the earliest ends": ("sorted(events, reverse=True)", "sorted(events)"),
    "only the range before": ("latest([*carried, *events]", "latest([*events]"),
    "only the ranges before": (
        "latest([*known, *own]",
        "latest([*known]",
    ),
    "a closed border": ("event.until > swept.first_at", "event.until >= swept.first_at"),
    "present for ever": ("if event.until > swept.first_at]", "]"),
    "nobody joins": ("if event.group is None)", "if False)"),
    "members join again": ("for event in present if event.group is None)", "for event in present)"),
    "joined events stay without a group": ("replace(event, group=group) if", "event if"),
    "latest events keep the local name": ("replace(top, group=group) if", "top if"),
    "carried events do not name a group": (
        "min([first_member, *((event.start, event.key) for event in present)])",
        "min([first_member])",
    ),
    "carried members do not name a group": ("if event.group is not None:", "if False:"),
    "a zero-length event is never present": ("start + 1)", "start)"),
    "no gap": ("end + min_gap", "end"),
}
"""Faults of the algorithm: a line of the source, and a wrong one."""


def _mutant(old: str, new: str) -> ModuleType:
    source = inspect.getsource(ranges)
    assert source.count(old) == 1
    module = ModuleType("mutant")
    sys.modules["mutant"] = module  # dataclasses look their module up
    exec(source.replace(old, new), module.__dict__)  # noqa: S102 - our own source
    return module


def _equal_to_definition(case: Case, module: ModuleType, random: Random) -> bool:
    return groups_by_ranges(case, module, random) == expected_groups(case)


def test_ranges_equal_definition() -> None:
    random = Random(2)  # noqa: S311 - the same cuts each time

    for case in random_cases(2_000, seed=1):
        assert _equal_to_definition(case, ranges, random), case


@pytest.mark.parametrize("name", MUTATIONS)
def test_random_cases_notice_fault(name: str) -> None:
    mutant = _mutant(*MUTATIONS[name])
    random = Random(2)  # noqa: S311 - the same cuts each time

    assert not all(
        _equal_to_definition(case, mutant, random) for case in random_cases(1_000, seed=3)
    )


def test_resolve_continues_from_stored_state() -> None:
    first = SweptRange((Carried(90, 0, "a", 90, "a"), Carried(50, 1, "b", 50, "a")), 1, (0, "a"))
    second = SweptRange(
        (Carried(95, 60, "c", 95, "c"), Carried(94, 61, "d", 94, "c")), 61, (60, "c")
    )

    (before,) = resolve((), [first], 2)
    (after,) = resolve(before.carried, [second], 2)

    assert [*resolve((), [first, second], 2)] == [before, after]
    assert after.group == "a"
