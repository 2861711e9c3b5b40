"""Keep a server busy with calls, and measure what they cost it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory

from peers import build_peer
from servers import Running, pin

SLOW_CALLER = (
    "Go is not on PATH. The caller is in Python, and slower than the server: of these figures "
    "only the server's CPU is its own."
)


@dataclass(frozen=True, slots=True)
class Run:
    """Results of a run of calls, or of the messages of a feed; a feed has no latencies."""

    calls: int
    seconds: float
    errors: int
    error: str
    p50_ms: float = nan
    p99_ms: float = nan
    max_ms: float = nan


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of a server in a run: calls/s, CPU seconds per call, latencies in ms."""

    rate: float
    cpu: float
    p50_ms: float
    p99_ms: float

    @property
    def busy(self) -> float:
        """Return the share of a core that the server used; below 1 it shared it or waited."""
        return self.rate * self.cpu


@contextmanager
def calling(
    server: Running,
    messages: Iterable[bytes],
    *,
    in_flight: int = 1,
    seconds: float = 1.0,
    feed: bool = False,
) -> Iterator[Callable[[], Sample]]:
    """Start a caller, which waits for its first run.

    Args:
        server: The server to call.
        messages: Serialized lists: requests of GetConflicts in turn, or one feed.
        in_flight: Number of concurrent calls.
        seconds: Duration of a run in seconds; a feed is sent once.
        feed: Whether the messages are a feed.

    Yields:
        A function that makes one run and returns its sample.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "messages")
        with file.open("wb") as written:
            for message in messages:
                written.write(len(message).to_bytes(4) + message)
        settings = (f"--port={server.port}", f"--in-flight={in_flight}", f"--seconds={seconds}")
        command = [*program(), *settings, *["--feed"] * feed, str(file)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as caller:
            yield lambda: sample(server, caller)
            caller.kill()


def program() -> list[str]:
    """Return the command of the caller: the Go program, or the slower one in Python without Go."""
    peer = build_peer()
    if peer is None:
        return [sys.executable, str(Path(__file__).with_name("python_load.py"))]
    return [str(peer / "load")]


def sample(server: Running, caller: subprocess.Popen[str]) -> Sample:
    """Make one run with a caller; return its sample."""
    assert caller.stdin
    assert caller.stdout
    before = server.cpu_seconds()
    caller.stdin.write("\n")
    caller.stdin.flush()
    run = Run(**json.loads(caller.stdout.readline()))
    cpu = server.cpu_seconds() - before
    assert run.errors == 0, f"{run.errors} of {run.calls} calls failed: {run.error}"
    return Sample(run.calls / run.seconds, cpu / run.calls, run.p50_ms, run.p99_ms)


@contextmanager
def on_cores_of_their_own(servers: Sequence[Running]) -> Iterator[None]:
    """Keep the servers on one core and all callers off it.

    A shared core halves the rate now and then.
    """
    cores = sorted(os.sched_getaffinity(0))
    for server in servers:
        pin(server.pid, cores[:1])
    with ExitStack() as stack:
        stack.callback(pin, os.getpid(), cores)
        pin(os.getpid(), cores[1:] or cores)
        yield
