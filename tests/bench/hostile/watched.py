"""Runs double-booked in cgroups, and measures how long its threads keep the GIL.

Its first argument is a `Watch` as JSON, the others are those of `python -m double_booked`. A
thread sleeps for 2 ms again and again. What it sleeps longer, it waited for the GIL or for a core;
Linux tells how long it waited for a core. Whoever keeps the GIL may wait for a core too, behind
threads that do not need it and other programs. So a hold counts as the CPU time that the busiest
of the threads that run Python had meanwhile.
"""

import json
import mmap
import os
import resource
import runpy
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Watch:
    """How to run the program.

    Attributes:
        meter: A file of 8 bytes, where the longest hold in seconds is written.
        cgroups: The folders of the cgroups to run in.
        files: How many files it may have open; 0 for as many as its parent.
    """

    meter: str
    cgroups: list[str]
    files: int = 0


class Meter:
    """The longest time that the GIL was held, shared between processes."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    @property
    def seconds(self) -> float:
        """The longest hold since it was last set."""
        longest: float = struct.unpack("d", self._shared[:])[0]
        return longest

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._shared[:] = struct.pack("d", value)


class Clocks:
    """How long each thread that runs Python had a core, and waited for one."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def read(self) -> dict[int, tuple[float, float]]:
        """Return the seconds on a core and those of waiting for one, by thread."""
        times = {}
        for thread in threading.enumerate():
            with suppress(OSError):  # it has not begun, or has just ended
                times[thread.native_id or 0] = self._read(thread.native_id or 0)
        return times

    def _read(self, thread: int) -> tuple[float, float]:
        if thread not in self._files:
            self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
        ran, waited, _ = os.pread(self._files[thread], 100, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9


def measure(meter: Meter) -> None:
    """Note the longest hold of the GIL, for ever."""
    me, clocks = threading.get_native_id(), Clocks()
    now, times = time.perf_counter(), clocks.read()
    while True:
        time.sleep(_TICK_SECONDS)
        before, times_before = now, times
        now, times = time.perf_counter(), clocks.read()
        waited_for_core = times[me][1] - times_before[me][1]
        slept = now - before - waited_for_core - _TICK_SECONDS
        busiest = max(
            (times[each][0] - times_before[each][0] for each in times.keys() & times_before.keys()),
            default=0.0,
        )
        meter.seconds = max(meter.seconds, min(slept, busiest))


def main(watch: Watch) -> None:
    """Run the program."""
    for folder in watch.cgroups:
        Path(folder, "cgroup.procs").write_text("0")  # this process
    if watch.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (watch.files, watch.files))
    threading.Thread(target=measure, args=(Meter(Path(watch.meter)),), daemon=True).start()
    runpy.run_module("double_booked", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    chosen = Watch(**json.loads(sys.argv.pop(1)))
    main(chosen)
