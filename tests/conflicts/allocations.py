"""Fail or cancel each allocation of the kernel in turn, and print how the call then ends.

test_allocations.py runs this in a process that allocations.c is preloaded into.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from conflicts import wire
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import Limits
from double_booked.conflicts.sweep import Sweep
from double_booked.conflicts.validation import InvalidRequestError

Call = Callable[[kernel.Cancellation], object]

ROOMS = b"".join(wire.delimited(6, b"room %d" % number) for number in range(9))
EVENTS = wire.event_list(
    *[wire.event(100 - at, 105 - at) for at in range(60)],
    *[wire.event(at, at + 3, ROOMS) for at in range(20)],
)
IN_ORDER = wire.event_list(*[wire.event(at, at + 1 + 5 * (at % 9 > 0)) for at in range(60)])
OPTIONS = wire.delimited(2, wire.capacity(b"", 2) + wire.capacity(b"room 3", 2) + wire.number(3, 1))


def chunks(request: bytes, cancellation: kernel.Cancellation) -> list[bytes]:
    answer = kernel.stream_conflicts(request, Limits(), cancellation)
    return list(iter(lambda: answer.next(500), None))


def feed(cancellation: kernel.Cancellation) -> list[bytes]:
    sweep = Sweep(Limits(), cancellation)
    return [*sweep.push(IN_ORDER), *sweep.push(wire.event_list(wire.event(900, 901)))]


calls: dict[str, Call] = {
    "unary": lambda cancellation: kernel.get_conflicts(EVENTS, Limits(), cancellation).content,
    "explained": lambda cancellation: (
        kernel.get_conflicts(EVENTS + OPTIONS, Limits(), cancellation).content
    ),
    "batch": lambda cancellation: (
        kernel.batch_get_conflicts(
            wire.event_list(EVENTS, b"", EVENTS + OPTIONS), Limits(), cancellation
        ).content
    ),
    "stream": lambda cancellation: chunks(EVENTS + OPTIONS, cancellation),
    "feed": feed,
    "faulty events": lambda cancellation: kernel.get_conflicts(
        wire.event_list(*[b""] * 200), Limits(), cancellation
    ),
    "faulty options": lambda cancellation: kernel.get_conflicts(
        EVENTS + wire.delimited(2, wire.capacity(b"a", 0)), Limits(), cancellation
    ),
}


class Allocations:
    """A counter of the kernel's allocations, which calls `then` at the one that is chosen.

    That allocation fails if `then` returns True.
    """

    def __init__(self, library: str) -> None:
        preloaded = ctypes.CDLL(library)
        begin, end = code_of(kernel.__file__)
        ctypes.c_size_t.in_dll(preloaded, "watched_begin").value = begin
        ctypes.c_size_t.in_dll(preloaded, "watched_end").value = end
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int)(self._count)
        pointer = ctypes.cast(self._callback, ctypes.c_void_p)
        ctypes.c_void_p.in_dll(preloaded, "shall_fail").value = pointer.value
        self.count = 0
        self.chosen = -1
        self.then: Callable[[], bool] = lambda: False

    def _count(self) -> bool:
        self.count += 1
        return self.count - 1 == self.chosen and self.then()


def code_of(library: str) -> tuple[int, int]:
    """Return the addresses of a library's code in this process."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, mode, *_ = line.split()
        if line.endswith(library) and "x" in mode:
            begin, end = addresses.split("-")
            return int(begin, 16), int(end, 16)
    raise LookupError(library)


def outcome(call: Call, cancellation: kernel.Cancellation) -> object:
    try:
        return call(cancellation)
    except InvalidRequestError as error:
        return str(error)
    except (MemoryError, kernel.Cancelled) as error:
        return type(error).__name__


def main(library: str, action: str) -> None:
    """Write a line for each allocation of each call: the call, and how it ends."""
    allocations = Allocations(library)
    for name, call in calls.items():
        allocations.count, allocations.chosen = 0, -1
        whole = outcome(call, kernel.Cancellation())
        for chosen in range(allocations.count):
            cancellation = kernel.Cancellation()

            def cancel(cancellation: kernel.Cancellation = cancellation) -> bool:
                cancellation.cancel()
                return False

            allocations.then = cancel if action == "cancel" else lambda: True
            allocations.count, allocations.chosen = 0, chosen
            ending = outcome(call, cancellation)
            sys.stdout.write(f"{name}\t{'whole' if ending == whole else ending}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
