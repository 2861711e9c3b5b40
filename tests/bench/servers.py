"""Servers to measure, each in a process of its own.

Run as a program with a kind and a setting of LOG_LEVEL, it serves until its standard
input ends.
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
from double_booked.server import calls, lifecycle, memory
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
    """A server that runs, and what it has used."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """User and system time so far, in steps of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_bytes(self) -> int:
        """The most memory that was resident at once."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options)


def pin(pid: int, cores: Collection[int]) -> None:
    """Keeps all threads of a process on some cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may end meanwhile
            os.sched_setaffinity(int(task.name), cores)


def running(
    kind: str, log_level: str = "error", **variables: str
) -> AbstractContextManager[Running]:
    """Run a server of a kind named in KINDS."""
    return running_program([sys.executable, __file__, kind, log_level], **variables)


def running_first_release(release: Path) -> AbstractContextManager[Running]:
    """Run the first release as it shipped, with the log line, by its own copy of this module."""
    program = [sys.executable, str(release / "tests/bench/servers.py"), "whole", "info"]
    return running_program(program, PYTHONPATH=str(release / "service"))


@contextmanager
def running_program(program: Sequence[str], **variables: str) -> Iterator[Running]:
    """Run a server that prints its port; its log goes to /dev/null, as cheap as a pipe."""
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
    """As kernel.Answer."""

    content: bytes
    events: int
    groups: int


def answer_by_definition(request: bytes, *_: object) -> Found:
    """What kernel.get_conflicts answers, found in plain Python."""
    parsed = EventList.FromString(request)
    answer = definition.get_conflicts(parsed)
    return Found(answer.SerializeToString(), len(parsed.events), len(answer.conflicts))


async def serve_bare(behavior: Callable[[bytes], bytes]) -> int:
    """Starts a grpc.aio server that does nothing besides."""

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
    """Starts the server as it ships."""
    if one_arena:
        memory.share_one_arena()
    server = Server(settings, engine)
    await server.start()
    kept.append(server)
    return server.port


class Unobserved(Observer):
    """Knows which calls are under way, and nothing else of them."""

    def begin(self, call: Call) -> None:
        self.calls.add(call)

    def end(self, call: Call, _code: grpc.StatusCode) -> None:
        self.calls.discard(call)


async def serve_unobserved(settings: Settings) -> int:
    """Starts the server without what observes its calls: neither metrics nor log."""
    lifecycle.Observer = Unobserved
    return await serve_whole(settings)


async def serve_inline(settings: Settings) -> int:
    """Starts the server so that it answers lists of any size in the serving thread."""
    calls.kernel.is_small = lambda *_, **__: True
    return await serve_whole(settings)


kept: list[object] = []

KINDS = {
    "echo": lambda _: serve_bare(lambda request: request),
    # As many bytes as the request has, from a buffer that is new each time.
    "fresh": lambda _: serve_bare(lambda request: bytes(memoryview(request))),
    "unobserved": serve_unobserved,
    "whole": serve_whole,
    "many arenas": lambda settings: serve_whole(settings, one_arena=False),
    "inline": serve_inline,
    "definition": lambda settings: serve_whole(settings, answer_by_definition),
}


async def main(kind: str, log_level: str) -> None:
    """Serves, and says on which port."""
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
