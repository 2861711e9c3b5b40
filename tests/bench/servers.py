"""Servers to measure, each in its own process.

Run as a program with a kind and a LOG_LEVEL, it serves until its standard input ends.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts import definition, kernel
from double_booked.runtime import logs
from double_booked.runtime.address import Address
from double_booked.server import calls, lifecycle, malloc
from double_booked.server.calls import Call
from double_booked.server.lifecycle import Server
from double_booked.server.observer import Observer
from double_booked.server.service import Engine
from double_booked.settings import Settings

METHOD = "/Scheduling.ConflictService/GetConflicts"
SWEEP = "/Scheduling.ConflictService/SweepConflicts"
FREE = Address("127.0.0.1", 0)
MAX_BYTES = 512 * 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")
UNLIMITED = [
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_send_message_length", MAX_BYTES),
]


@dataclass(frozen=True, slots=True)
class Running:
    """A running server and the resources that it has used."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return user plus system seconds so far, in steps of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_bytes(self) -> int:
        """Return the peak resident memory in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def channel(self) -> grpc.Channel:
        """Return a new connection."""
        options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options)


def pin(pid: int, cores: Collection[int]) -> None:
    """Pin all threads of a process to some cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may have ended meanwhile
            os.sched_setaffinity(int(task.name), cores)


def running(
    kind: str, log_level: str = "error", **variables: str
) -> AbstractContextManager[Running]:
    """Run a server of a kind named in KINDS."""
    return running_program([sys.executable, __file__, kind, log_level], **variables)


def running_first_release(release: Path) -> AbstractContextManager[Running]:
    """Run the first release as shipped, with its log line and its copy of this module."""
    program = [sys.executable, str(release / "tests/bench/servers.py"), "whole", "info"]
    return running_program(program, PYTHONPATH=str(release / "service"))


@contextmanager
def running_program(program: Sequence[str], **variables: str) -> Iterator[Running]:
    """Run a server that prints its port; its log goes to /dev/null."""
    with subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | variables,
        text=True,
    ) as process:
        assert process.stdout
        yield Running(process.pid, int(process.stdout.readline()))
        process.kill()


@dataclass(frozen=True, slots=True)
class Found:
    """An answer with the attributes of kernel.Answer."""

    content: bytes
    events: int
    groups: int


def answer_by_definition(request: bytes, *_: object) -> Found:
    """Return the answer of kernel.get_conflicts, computed in plain Python."""
    parsed = EventList.FromString(request)
    answer = definition.get_conflicts(parsed)
    return Found(answer.SerializeToString(), len(parsed.events), len(answer.conflicts))


async def serve_bare(behavior: Callable[[bytes], bytes]) -> int:
    """Start a grpc.aio server with nothing around it; return its port."""

    async def respond(request: bytes, _context: object) -> bytes:
        return behavior(request)

    handlers = {"GetConflicts": grpc.unary_unary_rpc_method_handler(respond)}
    server = grpc.aio.server(options=[*UNLIMITED, ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("Scheduling.ConflictService", handlers)]
    )
    port: int = server.add_insecure_port(str(FREE))
    await server.start()
    kept.append(server)
    return port


async def serve_whole(
    settings: Settings,
    engine: Engine = kernel.get_conflicts,
    *,
    one_arena: bool = True,
) -> int:
    """Start the server as shipped; return its port."""
    if one_arena:
        malloc.limit_malloc_arenas()
    server = Server(settings, engine)
    await server.start()
    kept.append(server)
    return server.port


class Unobserved(Observer):
    """An observer that only tracks which calls are in flight."""

    def begin(self, call: Call) -> None:
        self.calls.add(call)

    def end(self, call: Call, _code: grpc.StatusCode) -> None:
        self.calls.discard(call)


async def serve_unobserved(settings: Settings) -> int:
    """Start the server without metrics and log lines; return its port."""
    lifecycle.Observer = Unobserved
    return await serve_whole(settings)


async def serve_inline(settings: Settings) -> int:
    """Start a server that answers lists of any size in the serving thread; return its port."""
    calls.kernel.is_small = lambda *_, **__: True
    return await serve_whole(settings)


kept: list[object] = []

KINDS = {
    "echo": lambda _: serve_bare(lambda request: request),
    # As many bytes as the request, in a new buffer each time.
    "fresh": lambda _: serve_bare(lambda request: bytes(memoryview(request))),
    "unobserved": serve_unobserved,
    "whole": serve_whole,
    "many arenas": lambda settings: serve_whole(settings, one_arena=False),
    "inline": serve_inline,
    "definition": lambda settings: serve_whole(settings, answer_by_definition),
}


async def main(kind: str, log_level: str) -> None:
    """Serve, and print the port."""
    settings = Settings(
        service_host=FREE,
        health_check_host=FREE,
        log_level=log_level,
        log_format="json",
        max_message_bytes=MAX_BYTES,
    )
    logs.configure(settings.log_level, settings.log_format)
    print(await KINDS[kind](settings), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
