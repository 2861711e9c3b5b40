"""The client with real servers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked import client
from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.conflicts.validation import InvalidRequestError, Violation
from double_booked.runtime.address import Address
from double_booked.server.lifecycle import Server
from double_booked.settings import Settings
from ports import refusing_port, silent_port

LOOPBACK = Address("127.0.0.1", 0)
SECONDS_TO_START = 20


def event(start: int, end: int) -> Event:
    return Event(start=Timestamp(seconds=start), end=Timestamp(seconds=end))


PAIR = EventList(events=[event(10, 20), event(15, 25)])


@contextmanager
def serving(max_message_bytes: int = 2**20) -> Iterator[Server]:
    """Run a server in a thread with a loop of its own."""
    settings = Settings(
        service_host=LOOPBACK,
        health_check_host=LOOPBACK,
        drain_delay=0,
        max_message_bytes=max_message_bytes,
    )
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_start(settings), loop).result(SECONDS_TO_START)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(SECONDS_TO_START)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(settings: Settings) -> Server:
    server = Server(settings)
    await server.start()
    return server


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as server:
        yield server.port


@pytest.fixture
def refusing() -> Iterator[int]:
    with refusing_port() as port:
        yield port


def test_get_conflicts_returns_the_groups(port: int) -> None:
    response = client.get_conflicts(f"127.0.0.1:{port}", PAIR)
    assert [list(group.conflict_group) for group in response.conflicts] == [list(PAIR.events)]


def test_field_violations_raise_an_invalid_request_error(port: int) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        client.get_conflicts(f"127.0.0.1:{port}", EventList(events=[event(10, 20), event(9, 8)]))
    assert raised.value.violations == (Violation("events[1].end", "the end is before the start"),)
    assert raised.value.count == 1


def test_other_error_has_the_server_and_the_code() -> None:
    with serving(max_message_bytes=10) as server:
        address = f"127.0.0.1:{server.port}"
        with pytest.raises(client.ServerError, match=f"^{address}: RESOURCE_EXHAUSTED: "):
            client.get_conflicts(address, PAIR)


def test_unreachable_server_is_unavailable(refusing: int) -> None:
    address = f"127.0.0.1:{refusing}"
    with pytest.raises(client.ServerError, match=f"^{address}: UNAVAILABLE: "):
        client.get_conflicts(address, PAIR)
    with pytest.raises(client.ServerError, match=f"^{address}: UNAVAILABLE: "):
        client.check_health(address)


def test_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HEALTH_SECONDS", 0.2)
    with silent_port() as silent:
        address = f"127.0.0.1:{silent}"
        with pytest.raises(client.ServerError, match=f"^{address}: (DEADLINE_EXCEEDED|UNAVAIL)"):
            client.check_health(address)


@pytest.mark.parametrize(
    "address", ["nonsense", "host:port", "host:99999", "::1", "", "a b:1", "dns:///x:1"]
)
def test_invalid_address_is_reported_without_a_call(address: str) -> None:
    with pytest.raises(client.ServerError) as raised:
        client.get_conflicts(address, PAIR)
    assert str(raised.value).startswith(f"'{address}' is not HOST:PORT: ")


def test_address_without_a_host_is_this_machine(port: int) -> None:
    assert client.check_health(f":{port}") == "SERVING"


def test_proxy_of_the_environment_is_not_used(
    port: int, refusing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{refusing}")
    monkeypatch.setenv("no_proxy", "")
    assert client.check_health(f"127.0.0.1:{port}") == "SERVING"
