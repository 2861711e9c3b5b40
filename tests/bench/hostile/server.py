"""A server under attack: `python -m double_booked serve` with the limits of a small pod."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench.hostile import watched
from bench.hostile.cgroups import Cgroup, limited
from bench.hostile.requests import MAX_MESSAGE, MIB
from bench.hostile.watched import Meter, Watch
from double_booked.server.memory import Bounds

MEMORY_BYTES = 1024 * MIB
CPUS = 1.0

_START_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
_HANDLED = re.compile(r'grpc_server_handled_total\{grpc_code="(\w+)".*\} ([\d.e+]+)')


@dataclass(frozen=True, slots=True)
class Server:
    """A server in its own process.

    Attributes:
        process: The process.
        port: Its gRPC port.
        http: The URL of its HTTP port.
        meter: Measures how long it held the GIL.
        cgroup: The cgroup that limits it; None if it could not be created.
    """

    process: subprocess.Popen[bytes]
    port: int
    http: str
    meter: Meter
    cgroup: Cgroup | None

    @property
    def address(self) -> str:
        """Return its gRPC address."""
        return f"127.0.0.1:{self.port}"

    def end(self) -> str:
        """Return how it ended; "" while it runs."""
        code = self.process.poll()
        if code is None:
            return ""
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def cpu_seconds(self) -> float:
        """Return user plus system seconds so far, in steps of 10 ms; 0 after its end."""
        with suppress(OSError):
            return cpu_seconds(self.process.pid)
        return 0.0

    def peak_bytes(self) -> int:
        """Return its peak memory in bytes; 0 after its end without a cgroup."""
        if self.cgroup:
            return self.cgroup.peak_bytes()
        with suppress(OSError, IndexError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) * 1024
        return 0

    async def get(self, path: str) -> str:
        """Return the body of an HTTP answer; "" unless the status is 200."""
        timeout = aiohttp.ClientTimeout(_ANSWER_SECONDS)
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self.http}/{path}") as answer,
            ):
                return await answer.text() if answer.ok else ""
        return ""

    async def codes(self) -> Counter[str]:
        """Return its number of calls by code, from its metrics."""
        found: Counter[str] = Counter()
        for code, number in _HANDLED.findall(await self.get("metrics")):
            found[code] += round(float(number))
        return +found


def cpu_seconds(pid: int) -> float:
    """Return user plus system seconds of a running process.

    Raises:
        OSError: There is no such process.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(*, files: int = 0) -> Iterator[Server]:
    """Run a server with the limits of a pod inside the block.

    Args:
        files: Limit of open files; 0 for that of this process.
    """
    with TemporaryDirectory() as folder, limited(MEMORY_BYTES, CPUS) as cgroup:
        meter, log = Path(folder, "meter"), Path(folder, "log")
        meter.write_bytes(bytes(8))
        watch = Watch(
            str(meter), [str(folder) for folder in cgroup.folders] if cgroup else [], files
        )
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, watched.__file__, json.dumps(asdict(watch)), "serve"],
                env=os.environ | _settings(is_limited=cgroup is not None),
                stdout=written,
                stderr=written,
            )
        try:
            ports = _listening(process, log)
            http = f"http://127.0.0.1:{ports['http_port']}"
            server = Server(process, ports["grpc_port"], http, Meter(meter), cgroup)
            if not cgroup:
                threading.Thread(target=_keep_in_memory, args=(server,), daemon=True).start()
            yield server
        finally:
            process.kill()
            process.wait()


def _settings(*, is_limited: bool) -> dict[str, str]:
    """Return the settings of the chart for these limits, with free ports on loopback."""
    settings = {
        "SERVICE_HOST": "127.0.0.1:0",
        "HEALTH_CHECK_HOST": "127.0.0.1:0",
        "WORKER_THREADS": "1",
        "LOG_FORMAT": "json",
        "LOG_CALLS": "none",
    }
    if not is_limited:  # otherwise the server reads its limit itself
        budget = Bounds.compute(0, MAX_MESSAGE, MEMORY_BYTES).in_flight
        settings["MAX_BYTES_IN_FLIGHT"] = str(budget)
    return settings


def _listening(process: subprocess.Popen[bytes], log: Path) -> dict[str, int]:
    """Wait until the server listens; return its ports."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines(keepends=True):
            if line.endswith("\n") and (entry := json.loads(line))["event"] == "listening":
                return {name: entry[name] for name in ("grpc_port", "http_port")}
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


def _keep_in_memory(server: Server) -> None:
    """Kill a server without a cgroup when it exceeds its memory limit."""
    while not server.end():
        if server.peak_bytes() > MEMORY_BYTES:
            server.process.kill()
        time.sleep(0.02)
