"""Sockets to listen on, and the errors if that fails."""

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from double_booked.runtime import sockets
from double_booked.runtime.address import Address


def ports(listening: list[socket.socket]) -> set[int]:
    return {sock.getsockname()[1] for sock in listening}


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """Return a list, which may be changed, that every host name resolves to."""
    addresses: list[tuple[Any, ...]] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    yield addresses
    addresses.clear()


def test_address_without_a_host_is_ipv4_and_ipv6_on_one_port() -> None:
    [listening] = sockets.listen(Address("", 0), "SETTING")
    port = listening.getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), timeout=5) as caller:
            assert caller.getpeername()[1] == port
    sockets.close([listening])


def test_listen_uses_one_port_for_every_address_of_a_host() -> None:
    listening = sockets.listen(Address("localhost", 0), "SETTING")
    assert len(ports(listening)) == 1
    sockets.close(listening)


def test_listen_retries_if_the_chosen_port_is_in_use_on_another_address(
    resolver: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver += [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 0))
        for host in ("127.0.0.1", "127.0.0.2")
    ]
    create = socket.create_server
    errors = [OSError(errno.EADDRINUSE, "taken")]

    def create_once_in_use(address: tuple[str, int], **options: Any) -> socket.socket:
        if address[0] == "127.0.0.2" and errors:
            raise errors.pop()
        return create(address, **options)

    monkeypatch.setattr(socket, "create_server", create_once_in_use)
    listening = sockets.listen(Address("host", 0), "SETTING")
    assert len(listening) == 2
    assert len(ports(listening)) == 1
    sockets.close(listening)


def test_listen_skips_an_address_of_another_machine_if_there_are_others(
    resolver: list[tuple[Any, ...]],
) -> None:
    resolver += [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("192.0.2.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)),
    ]
    [listening] = sockets.listen(Address("host", 0), "SETTING")
    assert listening.getsockname()[0] == "127.0.0.1"
    sockets.close([listening])


def test_listen_closes_its_sockets_if_a_further_address_is_in_use(
    resolver: list[tuple[Any, ...]],
) -> None:
    with socket.create_server(("127.0.0.2", 0)) as occupied:
        port = occupied.getsockname()[1]
        resolver += [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 0))
            for host in ("127.0.0.1", "127.0.0.2")
        ]
        with pytest.raises(sockets.ListenError) as refused:
            sockets.listen(Address("host", port), "SETTING")
        socket.create_server(("127.0.0.1", port)).close()
    assert str(refused.value) == f"cannot listen on host:{port} (SETTING): Address already in use"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64, "a..b"])
def test_unknown_host_is_reported(host: str) -> None:
    with pytest.raises(sockets.ListenError) as refused:
        sockets.listen(Address(host, 7070), "SETTING")
    assert str(refused.value).startswith(f"cannot listen on {host}:7070 (SETTING): ")


def test_address_without_a_host_is_ipv4_only_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    [listening] = sockets.listen(Address("", 0), "SETTING")
    assert listening.family is socket.AF_INET
    sockets.close([listening])


def test_privileged_port_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(sockets.ListenError, match=r":80 \(SETTING\): Permission denied$"):
        sockets.listen(Address("127.0.0.1", 80), "SETTING")
