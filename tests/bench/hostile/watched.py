"""Run double-booked in cgroups, and measure how long its threads hold the GIL.

Its first argument is a `Watch` as JSON, the others are those of `python -m double_booked`. A
thread repeatedly sleeps for 2 ms. The extra time until it wakes is time spent waiting for the GIL
or for a core; Linux reports the wait for a core. The thread that holds the GIL may wait for a core
too, behind threads without the GIL or other programs. So a hold counts as the CPU time of the
busiest Python thread meanwhile.
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
        meter: A file of 8 bytes with the longest hold in seconds.
        cgroups: The folders of the cgroups to run in.
        files: Limit of open files; 0 for that of the parent.
    """

    meter: str
    cgroups: list[str]
    files: int = 0


class Meter:
    """The longest hold of the GIL, shared between processes."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    @property
    def seconds(self) -> float:
        """Return the longest hold in seconds since it was last reset."""
        longest: float = struct.unpack("d", self._shared[:])[0]
        return longest

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._shared[:] = struct.pack("d", value)


class Clocks:
    """CPU time and waiting time of each Python thread."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def read(self) -> dict[int, tuple[float, float]]:
        """Return seconds on a core and seconds waiting for one, by thread."""
        times = {}
        for thread in threading.enumerate():
            with suppress(OSError):  # the thread has not started yet, or has just ended
                times[thread.native_id or 0] = self._read(thread.native_id or 0)
        return times

    def _read(self, thread: int) -> tuple[float, float]:
        if thread not in self._files:
            self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
        ran, waited, _ = os.pread(self._files[thread], 100, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9


def measure(meter: Meter) -> None:
    """Record the longest hold of the GIL until the process ends."""
    me, clocks = threading.get_native_id(), Clocks()
    now, times = time.perf_counter(), clocks.read()
    while True:
        time.sleep(_TICK_SECONDS)
        before, times_before = now, times
        now, times = time.perf_counter(), clocks.read()
        waited_for_core = times[me][1] - times_before[me][1]
        slept = now - before - waited_for_core - _TICK_SECONDS
        busiest = max(
            (
                times[thread][0] - times_before[thread][0]
                for thread in times.keys() & times_before.keys()
            ),
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
