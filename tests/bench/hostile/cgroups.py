"""Cgroups (version 1 or 2) with the limits of a pod."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_PERIOD_MICROSECONDS = 100_000
"""CPU period in microseconds, as the kubelet sets it."""

_REMOVAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A cgroup for one process.

    Attributes:
        folders: Its folders: one with version 2, one per controller with version 1.
        peak: The file with its peak memory in bytes.
    """

    folders: tuple[Path, ...]
    peak: Path

    def peak_bytes(self) -> int:
        """Return the peak memory of its processes in bytes, kernel memory included."""
        return int(self.peak.read_text())

    def remove(self) -> None:
        """Remove it, with retries: the system releases ended processes a moment later."""
        deadline = time.monotonic() + _REMOVAL_SECONDS
        for folder in self.folders:
            while folder.exists() and time.monotonic() < deadline:
                with suppress(OSError):
                    folder.rmdir()
                time.sleep(0.01)


@contextmanager
def limited(
    memory_bytes: int, cpus: float, root: Path = Path("/sys/fs/cgroup")
) -> Iterator[Cgroup | None]:
    """Make a cgroup with these limits, and remove it on exit.

    Yields:
        The cgroup, or None if this process may not create one.
    """
    name = f"double-booked-{uuid4().hex[:8]}"
    quota = round(cpus * _PERIOD_MICROSECONDS)
    if (root / "cgroup.controllers").exists():
        settings: dict[Path, object] = {
            root / "cgroup.subtree_control": "+memory +cpu",
            root / name / "memory.max": memory_bytes,
            root / name / "cpu.max": f"{quota} {_PERIOD_MICROSECONDS}",
        }
        cgroup = Cgroup((root / name,), root / name / "memory.peak")
    else:
        memory, cpu = root / "memory" / name, root / "cpu" / name
        settings = {
            memory / "memory.limit_in_bytes": memory_bytes,
            cpu / "cpu.cfs_period_us": _PERIOD_MICROSECONDS,
            cpu / "cpu.cfs_quota_us": quota,
        }
        cgroup = Cgroup((memory, cpu), memory / "memory.max_usage_in_bytes")
    try:
        yield cgroup if _apply(cgroup, settings) else None
    finally:
        cgroup.remove()


def _apply(cgroup: Cgroup, settings: dict[Path, object]) -> bool:
    """Make the folders and write the settings; return False if that is not permitted."""
    try:
        for folder in cgroup.folders:
            folder.mkdir()
        for file, value in settings.items():
            file.write_text(str(value))
    except OSError:
        return False
    return True
