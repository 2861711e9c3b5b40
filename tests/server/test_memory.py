"""The memory that the process may use, the memory that it uses, and the limits of requests."""

import subprocess
import sys
from pathlib import Path

import pytest

from double_booked.server import malloc, memory
from double_booked.server.memory import Bounds

MIB = 1024 * 1024
GIB = 1024 * MIB
NO_LIMIT_V1 = "9223372036854771712"


def system(root: Path, cgroup: str, **limits: str) -> Path:
    """Create a tree with /proc/self/cgroup and files below /sys/fs/cgroup."""
    contents = {"proc/self/cgroup": cgroup}
    contents |= {f"sys/fs/cgroup/{path}": text for path, text in limits.items()}
    for path, text in contents.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


def test_memory_limit_is_that_of_the_cgroup(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/pods/one", **{"pods/one/memory.max": "1073741824"})
    assert memory.memory_limit(root) == GIB


def test_memory_limit_of_a_container_is_at_the_root(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/", **{"memory.max": "1073741824"})
    assert memory.memory_limit(root) == GIB


def test_memory_limit_is_the_lowest_of_all_ancestors(tmp_path: Path) -> None:
    limits = {"pods/one/memory.max": "max", "pods/memory.max": "5000", "memory.max": "6000"}
    assert memory.memory_limit(system(tmp_path, "0::/pods/one", **limits)) == 5000


def test_memory_limit_is_read_from_cgroup_v1(tmp_path: Path) -> None:
    limits = {
        "memory/pods/memory.limit_in_bytes": "1073741824",
        "memory/memory.limit_in_bytes": NO_LIMIT_V1,
    }
    root = system(tmp_path, "9:cpu,memory:/pods\n1:cpu:/other\n0::/", **limits)
    assert memory.memory_limit(root) == GIB


def test_memory_limit_of_a_cgroup_v1_container_is_at_the_root(tmp_path: Path) -> None:
    limits = {"memory/memory.limit_in_bytes": "1073741824"}
    assert memory.memory_limit(system(tmp_path, "4:memory:/host/path", **limits)) == GIB


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        ("0::/", {}),
        ("0::/", {"memory.max": "max"}),
        ("4:memory:/", {"memory/memory.limit_in_bytes": NO_LIMIT_V1}),
        ("4:cpu:/", {"memory/memory.limit_in_bytes": "1073741824"}),
    ],
)
def test_memory_limit_is_none_if_no_limit_is_set(
    tmp_path: Path, cgroup: str, limits: dict[str, str]
) -> None:
    assert memory.memory_limit(system(tmp_path, cgroup, **limits)) is None


def test_memory_limit_is_none_without_proc(tmp_path: Path) -> None:
    assert memory.memory_limit(tmp_path) is None


def test_available_memory_is_at_most_that_of_the_machine() -> None:
    total = Path("/proc/meminfo").read_text().partition("MemTotal:")[2].split()[0]
    assert 0 < memory.available_bytes() <= int(total) * 1024


def test_budget_is_a_fifth_of_the_memory_beyond_the_base() -> None:
    budget = Bounds.compute(0, 64 * MIB, GIB)
    assert budget.in_flight == (GIB - 128 * MIB) // 5
    assert GIB - 5 < budget.process_bytes <= GIB


def test_memory_limit_of_the_chart_has_room_for_two_of_the_largest_messages() -> None:
    assert Bounds.compute(0, 64 * MIB, GIB).receipts == 2


def test_explicit_budget_ignores_the_memory_limit() -> None:
    assert Bounds.compute(300 * MIB, 64 * MIB, GIB).in_flight == 300 * MIB
    assert Bounds.compute(300 * MIB, 64 * MIB, GIB).receipts == 4


def test_too_large_budget_does_not_raise_the_shortage_threshold() -> None:
    assert Bounds.compute(GIB, 64 * MIB, GIB).shortage == Bounds.compute(0, 64 * MIB, GIB).shortage
    assert Bounds.compute(GIB, 64 * MIB, GIB).process_bytes > GIB


@pytest.mark.parametrize("available", [0, 64 * MIB, 128 * MIB, 200 * MIB])
def test_little_memory_leaves_a_budget_for_small_requests(available: int) -> None:
    budget = Bounds.compute(0, 64 * MIB, available)
    assert budget.in_flight == 128 * MIB // 5
    assert budget.receipts == 1


def test_shortage_threshold_leaves_room_for_received_messages() -> None:
    budget = Bounds.compute(0, 64 * MIB, GIB)
    left = GIB - budget.shortage
    assert left >= 2 * budget.in_flight + budget.receipts * 64 * MIB


ALLOCATE = """
from double_booked.server import malloc, memory
def figures():
    return malloc.used_bytes(), memory.resident_bytes()
before = figures()
content = bytes([1]) * (50 * 1024 * 1024)
during = figures()
del content
print(*before, *during, *figures())
"""


def test_used_bytes_count_allocated_and_not_freed_memory() -> None:
    """In its own process, because threads of other tests free memory meanwhile."""
    shown = subprocess.run([sys.executable, "-c", ALLOCATE], check=True, capture_output=True)
    used, resident, more_used, more_resident, used_after, _ = map(int, shown.stdout.split())
    assert more_used >= used + 50 * MIB
    assert more_resident >= resident + 40 * MIB
    assert used_after < used + 10 * MIB


def test_release_free_memory_returns_it_to_the_system() -> None:
    # Small pieces, whose pages malloc keeps.
    pieces = [b"\x01" * 8192 for _ in range(10_000)]
    last = b"\x01" * 8192
    del pieces
    kept = memory.resident_bytes() or 0
    malloc.release_free_memory()
    assert (memory.resident_bytes() or 0) < kept - 40 * MIB
    assert last
