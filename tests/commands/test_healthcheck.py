"""`healthcheck` as probes run it."""

import itertools
import json
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from commands.programs import UNREACHABLE, WEEK, run, serving


def test_serving_service_is_healthy(server: str) -> None:
    ran = run("healthcheck", "--server", server)
    assert (ran.stdout, ran.stderr) == (f"{server} is SERVING\n", "")
    assert ran.returncode == 0


def test_healthcheck_uses_the_address_in_service_host(server: str) -> None:
    port = server.rpartition(":")[2]
    assert run("healthcheck", SERVICE_HOST=f":{port}").returncode == 0
    assert run("healthcheck", SERVICE_HOST=UNREACHABLE).returncode == 1


@pytest.mark.parametrize("address", [UNREACHABLE, "nonsense"])
def test_unreachable_service_is_not_healthy(address: str) -> None:
    ran = run("healthcheck", "--server", address)
    assert (ran.stdout, ran.returncode) == ("", 1)
    assert len(ran.stderr.splitlines()) == 1


def test_service_with_mutual_tls_answers_clients_with_a_certificate(
    secured: tuple[str, list[str]],
) -> None:
    address, files = secured
    ran = run("healthcheck", "--server", address, *files)
    assert (ran.stdout, ran.stderr) == (f"{address} is SERVING\n", "")
    ran = run("check", "--server", address, *files, WEEK)
    assert (ran.stdout, ran.stderr) == (run("check", WEEK).stdout, "")


def test_insecure_client_accepts_any_certificate(secured: tuple[str, list[str]]) -> None:
    address, files = secured
    ran = run("healthcheck", "--server", address, "--insecure", *files[2:])
    assert (ran.stderr, ran.returncode) == ("", 0)
    with serving("--tls-self-signed") as (_, address):
        ran = run("healthcheck", "--server", address, "--insecure")
    assert (ran.stderr, ran.returncode) == ("", 0)


@contextmanager
def balanced(first: str, others: str) -> Iterator[str]:
    """Yield an address whose first connection leads to one server, and the others to another."""
    targets = itertools.chain([first], itertools.repeat(others))

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            host, _, port = next(targets).rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                back = threading.Thread(target=pump, args=(upstream, self.request))
                back.start()
                pump(self.request, upstream)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward bytes from one side to the other until the first one ends."""
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def test_insecure_client_reaches_several_services_behind_one_address() -> None:
    with (
        serving("--tls-self-signed") as (_, first),
        serving("--tls-self-signed") as (_, other),
        balanced(first, other) as address,
    ):
        ran = run("healthcheck", "--server", address, "--insecure")
    assert (ran.stderr, ran.returncode) == ("", 0)


def test_stopping_service_is_not_healthy() -> None:
    with serving("--drain-delay", "60") as (process, address):
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        next(line for line in process.stderr if json.loads(line)["event"] == "stopping")
        ran = run("healthcheck", "--server", address)
    assert (ran.stderr, ran.returncode) == (f"Error: {address} is NOT_SERVING\n", 1)
