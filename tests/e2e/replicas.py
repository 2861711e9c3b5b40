"""Several operators behind one address, as pods behind a Service."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from e2e.conftest import run, tool
from e2e.operator_process import OPERATOR, WEBHOOKS, Process, configuration_of, webhooks
from ports import free_ports

_PROBE_SECONDS = 1.0
_FAILURES = 2
"""Failed probes after which a replica gets no new connections, as in the chart."""


@dataclass(slots=True)
class Balancer:
    """Passes each new connection on to a random replica that is ready, like kube-proxy.

    Attributes:
        port: The port on which it listens.
        failures: How many probes of each replica have failed in a row, by port.
    """

    replicas: Sequence[Process]
    port: int
    failures: dict[int, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def ready(self) -> list[Process]:
        """Return the replicas that get new connections."""
        return [one for one in self.replicas if self.failures.get(one.port, _FAILURES) < _FAILURES]

    async def probe(self) -> None:
        """Probe all replicas until cancelled."""
        while True:
            for replica, is_ready in zip(
                self.replicas, await asyncio.gather(*map(_is_ready, self.replicas)), strict=True
            ):
                failures = self.failures.get(replica.port, _FAILURES)
                self.failures[replica.port] = 0 if is_ready else failures + 1
            await asyncio.sleep(_PROBE_SECONDS)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle a connection."""
        with suppress(OSError):
            if ready := self.ready():
                chosen = random.choice(ready)  # noqa: S311 - no secret
                answers, requests = await asyncio.open_connection("127.0.0.1", chosen.port)
                await asyncio.gather(_copy(reader, requests), _copy(answers, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _is_ready(replica: Process) -> bool:
    """Return whether a replica reports within a second that it is ready."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", replica.http)
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


@asynccontextmanager
async def operating_replicas(
    namespace: str,
    folder: Path,
    count: int = 3,
    command: Sequence[str] = OPERATOR,
    environments: Sequence[dict[str, str]] = (),
) -> AsyncIterator[Balancer]:
    """Run operators that review the writes of a namespace, at one address.

    Args:
        namespace: The namespace; the operators keep their Leases and their Secret there too.
        folder: The folder for their logs.
        count: How many.
        command: The command that runs one.
        environments: Environment variables of each of them.
    """
    replicas = []
    for number in range(count):
        environment = environments[number] if environments else {}
        log = folder / f"operator-{number}.log"
        replicas.append(Process(namespace, *free_ports(2), log, dict(environment), command))
    async with balanced(namespace, replicas) as balancer:
        for replica in replicas:
            replica.start()
        for replica in replicas:
            await asyncio.to_thread(replica.until_ready)
        await until_all_ready(balancer)
        yield balancer


@asynccontextmanager
async def balanced(namespace: str, replicas: Sequence[Process]) -> AsyncIterator[Balancer]:
    """Serve a Balancer for some operators, and kill them at the end."""
    balancer = Balancer(replicas, 0)
    server = await asyncio.start_server(balancer.accept, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    configuration = json.dumps(webhooks(balancer.port, [namespace], "Fail"))
    await asyncio.to_thread(run, tool("kubectl"), "apply", "--filename=-", text=configuration)
    probing = asyncio.create_task(balancer.probe())
    try:
        yield balancer
    finally:
        name = configuration_of(namespace)
        await asyncio.to_thread(
            run, tool("kubectl"), "delete", "--ignore-not-found", WEBHOOKS, name
        )
        probing.cancel()
        for replica in replicas:
            replica.kill()
        server.close()
        await asyncio.sleep(0.1)  # the streams of killed processes end


async def until_all_ready(balancer: Balancer, seconds: float = 60) -> None:
    """Wait until all replicas get connections."""
    async with asyncio.timeout(seconds):
        while len(balancer.ready()) < len(balancer.replicas):
            await asyncio.sleep(0.1)
