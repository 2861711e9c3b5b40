"""gRPC's core passes events to tags; an error of a tag or batch affects only its call."""

import ast
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event as ThreadEvent
from typing import Any

import grpc
import pytest

import double_booked
from double_booked.server.core import (
    HEADERS,
    STATUS_OK,
    BatchError,
    Core,
    ReceiveClose,
    SendMessage,
)
from double_booked.server.core import Event as CoreEvent

METHOD = "/some.Service/Method"
SERVE_WITHOUT = """
from grpc._cython import cygrpc
{change}
from double_booked.commands import main
main(["serve", "--service-host", "127.0.0.1:0", "--health-check-host", "127.0.0.1:0"])
"""


def test_only_core_imports_the_cython_layer_of_grpcio() -> None:
    package = Path(double_booked.__file__).parent
    importers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any("_cython" in name for name in imported_names(path))
    ]
    assert importers == ["server/core.py"]


def imported_names(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("del cygrpc.SendMessageOperation", "SendMessageOperation"),
        ("cygrpc.CallDetails = type('Other', (), {'method': b''})", "CallDetails.deadline"),
    ],
)
def test_incompatible_grpcio_is_reported_in_one_line(change: str, missing: str) -> None:
    program = SERVE_WITHOUT.format(change=change)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == (
        f"double-booked: grpcio {grpc.__version__} has no {missing}; "
        "install a version that double-booked allows\n"
    )


class Answering:
    """Handles calls with a function, and keeps the errors."""

    def __init__(self, core: Core, begin: Callable[["Answering", Any], None]) -> None:
        self.core = core
        self.errors: list[Exception] = []
        self.failed = ThreadEvent()
        self.calls: list[Any] = []
        self._begin = begin

    def begin(self, event: CoreEvent) -> None:
        self.calls.append(event.call)
        self._begin(self, event)

    def answer(self, event: CoreEvent) -> None:
        operations = (HEADERS, SendMessage(b"yes", 0), STATUS_OK)
        self.core.start_batch(event.call, operations, self.ignore)

    def ignore(self, _event: CoreEvent) -> None:
        """Ignore the event."""

    def raise_error(self, _event: CoreEvent) -> None:
        raise LookupError("the tag's")

    def fail(self, error: Exception) -> None:
        self.errors.append(error)
        self.failed.set()


@asynccontextmanager
async def answering(
    begin: Callable[[Answering, Any], None], errors: list[Exception]
) -> AsyncIterator[tuple[Answering, grpc.aio.UnaryUnaryMultiCallable]]:
    """Run a server with one method; `errors` gets the errors that belong to no call."""
    core = Core([("grpc.so_reuseport", 0)], errors.append)
    answers = Answering(core, begin)
    core.on_calls(METHOD, answers.begin)
    port = core.add_port("127.0.0.1:0", None)
    await core.start()
    stopped = ThreadEvent()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield answers, channel.unary_unary(METHOD)
    finally:
        core.shutdown(lambda: None, stopped.set)
        core.cancel_all_calls()
        assert stopped.wait(10)
        core.join()


async def test_call_that_fails_to_start_ends_with_internal_and_the_next_is_answered() -> None:
    def fail_at_first(answers: Answering, event: CoreEvent) -> None:
        if len(answers.calls) == 1:
            raise LookupError("the first's")
        answers.answer(event)

    errors: list[Exception] = []
    async with answering(fail_at_first, errors) as (_, call):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(b"")
        assert failed.value.code() is grpc.StatusCode.INTERNAL
        assert await call(b"") == b"yes"
    assert [str(error) for error in errors] == ["the first's"]


async def test_error_in_a_tag_fails_only_its_owner() -> None:
    def answer_and_raise(answers: Answering, event: CoreEvent) -> None:
        operations = (HEADERS, SendMessage(b"yes", 0), STATUS_OK)
        answers.core.start_batch(event.call, operations, answers.raise_error)

    errors: list[Exception] = []
    async with answering(answer_and_raise, errors) as (answers, call):
        assert [await call(b"") for _ in range(3)] == 3 * [b"yes"]
    assert [str(error) for error in answers.errors] == 3 * ["the tag's"]
    assert errors == []


async def test_rejected_batch_raises_batch_error() -> None:
    def await_the_end_twice(answers: Answering, event: CoreEvent) -> None:
        for _ in range(2):
            answers.core.start_batch(event.call, (ReceiveClose(0),), answers.ignore)

    errors: list[Exception] = []
    async with answering(await_the_end_twice, errors) as (_, call):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(b"")
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    [error] = errors
    assert isinstance(error, BatchError)


async def test_stopped_core_ignores_batches_and_cancellations() -> None:
    """A batch on a queue that is shut down aborts the process."""
    errors: list[Exception] = []
    async with answering(Answering.answer, errors) as (answers, call):
        await call(b"")
    [call_of_core] = answers.calls
    answers.core.start_batch(call_of_core, (HEADERS, STATUS_OK), answers.ignore)
    answers.core.cancel(call_of_core, grpc.StatusCode.UNAVAILABLE, "")
    answers.core.cancel_all_calls()


async def test_core_that_never_started_stops_immediately() -> None:
    stopped = ThreadEvent()
    core = Core([], lambda _: None)
    core.shutdown(lambda: None, stopped.set)
    core.join()
    assert stopped.is_set()
