"""TLS over real sockets: accepted clients, replaced certificates, unusable files."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event as ThreadEvent
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.server import tls
from double_booked.server.metrics import Metrics
from double_booked.settings import Settings
from server.certificate_authority import Authority, Files, encrypted_key_pem, key_pem, new_key
from server.conftest import BlockedEngine, Served, serve
from server.test_lifecycle import refusal
from server.test_observer import metric
from server.test_service import LARGE, PAIR
from waiting import until

SERVED_WITHIN = 10.0
"""Seconds within which a replacement must be served."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the files more often than by default."""
    monkeypatch.setattr(tls, "CHECK_SECONDS", 0.1)


@pytest.fixture
def authority() -> Authority:
    return Authority("authority")


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    return authority.issue(tmp_path / "server", "first")


def settings(files: Files, **more: Any) -> dict[str, Any]:
    return {"tls_cert_file": str(files.certificate), "tls_key_file": str(files.key)} | more


def variables(files: Files) -> dict[str, str]:
    return {name.upper(): value for name, value in settings(files).items()}


@asynccontextmanager
async def stub(
    served: Served, authority: Authority, caller: Files | None = None
) -> AsyncIterator[ConflictServiceStub]:
    """Return a stub for calls over TLS, with a client certificate if one is given."""
    credentials = grpc.ssl_channel_credentials(
        authority.pem(),
        caller.key.read_bytes() if caller else None,
        caller.certificate.read_bytes() if caller else None,
    )
    address = f"127.0.0.1:{served.server.port}"
    async with grpc.aio.secure_channel(address, credentials) as channel:
        yield ConflictServiceStub(channel)


def new_connection(served: Served) -> tuple[str, str | None]:
    """Return the name in the certificate for a new connection, and the negotiated protocol."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", served.server.port), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
        return str(shown.subject.rfc4514_string()), connection.selected_alpn_protocol()


async def shown_name(served: Served) -> str:
    name, _ = await asyncio.to_thread(new_connection, served)
    return name.removeprefix("CN=")


async def until_shown(served: Served, name: str) -> None:
    async def is_shown() -> bool:
        return await shown_name(served) == name

    await until(is_shown, f"the certificate of {name} is served", SERVED_WITHIN)


async def page(served: Served, path: str) -> str:
    def read() -> str:
        with urlopen(served.http + path, timeout=10) as answer:  # noqa: S310 - the server under test
            return str(answer.read().decode())

    return await asyncio.to_thread(read)


async def until_counted(served: Served, result: str) -> None:
    counted = f'double_booked_tls_reloads_total{{result="{result}"}} 1.0'

    async def is_counted() -> bool:
        return counted in await page(served, "/metrics")

    await until(is_counted, counted, SERVED_WITHIN)


async def test_tls_is_for_grpc_and_http_stays_plain(files: Files, authority: Authority) -> None:
    async with serve(**settings(files)) as served, stub(served, authority) as service:
        assert len((await service.GetConflicts(PAIR)).conflicts) == 1
        assert await page(served, "/readyz") == "ok\n"


async def test_alpn_negotiates_http2(files: Files) -> None:
    async with serve(**settings(files)) as served:
        assert await asyncio.to_thread(new_connection, served) == ("CN=first", "h2")


async def test_plain_text_and_other_authorities_are_rejected(
    files: Files,
) -> None:
    async with serve(**settings(files)) as served:
        await assert_rejected(ConflictServiceStub(served.channel))
        async with stub(served, Authority("another")) as service:
            await assert_rejected(service)


async def assert_rejected(service: ConflictServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.GetConflicts(PAIR)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_client_ca_accepts_only_its_own_certificates(
    files: Files, authority: Authority, tmp_path: Path
) -> None:
    clients = Authority("clients")
    client_ca = tmp_path / "ca.crt"
    client_ca.write_bytes(clients.pem())
    known = clients.issue(tmp_path / "known", "known")
    stranger = authority.issue(tmp_path / "stranger", "stranger")
    async with serve(**settings(files, tls_client_ca_file=str(client_ca))) as served:
        async with stub(served, authority, known) as service:
            assert len((await service.GetConflicts(PAIR)).conflicts) == 1
        for rejected in (None, stranger):
            async with stub(served, authority, rejected) as service:
                await assert_rejected(service)


@pytest.mark.usefixtures("quick")
async def test_replaced_client_ca_applies_to_new_connections(
    files: Files, authority: Authority, tmp_path: Path
) -> None:
    before, after = Authority("before"), Authority("after")
    client_ca = tmp_path / "ca.crt"
    client_ca.write_bytes(before.pem())
    async with serve(**settings(files, tls_client_ca_file=str(client_ca))) as served:
        client_ca.write_bytes(after.pem())
        await until_counted(served, "success")
        async with stub(served, authority, after.issue(tmp_path / "new", "new")) as service:
            assert len((await service.GetConflicts(PAIR)).conflicts) == 1
        async with stub(served, authority, before.issue(tmp_path / "old", "old")) as service:
            await assert_rejected(service)


async def test_replaced_key_pair_is_served_without_dropping_a_call(
    files: Files, authority: Authority, tmp_path: Path
) -> None:
    blocked = BlockedEngine(ThreadEvent(), ThreadEvent())
    async with (
        serve(blocked, **settings(files)) as served,
        stub(served, authority) as service,
    ):
        call = service.GetConflicts(LARGE)
        assert await asyncio.to_thread(blocked.started.wait, 10)
        authority.issue(tmp_path / "server", "second")
        await until_shown(served, "second")
        blocked.release.set()
        assert len((await call).conflicts) == 2
        assert len((await service.GetConflicts(PAIR)).conflicts) == 1
        await until_counted(served, "success")


@pytest.mark.usefixtures("quick")
async def test_replacement_by_a_symbolic_link_as_in_kubernetes_is_served(
    authority: Authority, tmp_path: Path
) -> None:
    # As in kubelet's AtomicWriter: tls.crt -> ..data/tls.crt, and ..data is swapped.
    volume = tmp_path / "volume"
    volume.mkdir()
    authority.issue(volume / "..1", "first")
    swap_data(volume, "..1")
    linked = Files(volume / "tls.crt", volume / "tls.key")
    for file in (linked.certificate, linked.key):
        file.symlink_to(Path("..data") / file.name)
    async with serve(**settings(linked)) as served:
        assert await shown_name(served) == "first"
        authority.issue(volume / "..2", "second")
        swap_data(volume, "..2")
        await until_shown(served, "second")


def swap_data(volume: Path, target: str) -> None:
    link = volume / "..data_tmp"
    link.symlink_to(target)
    link.rename(volume / "..data")


def garbage(files: Files) -> None:
    files.certificate.write_text("garbage")


def another_key(files: Files) -> None:
    files.key.write_bytes(key_pem(new_key()))


def no_file(files: Files) -> None:
    files.key.unlink()


def key_that_grpc_does_not_serve(files: Files) -> None:
    Authority("authority").issue(files.key.parent, "odd", ec.generate_private_key(ec.SECP256K1()))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("breaks", [garbage, another_key, no_file, key_that_grpc_does_not_serve])
async def test_broken_replacement_is_logged_counted_and_ignored_until_fixed(
    files: Files, authority: Authority, tmp_path: Path, breaks: Callable[[Files], None]
) -> None:
    with capture_logs() as logs:
        async with serve(**settings(files)) as served:
            breaks(files)
            await until_counted(served, "failure")
            assert await shown_name(served) == "first"
            authority.issue(tmp_path / "server", "fixed")
            await until_shown(served, "fixed")
    [entry] = [entry for entry in logs if entry["event"] == "certificate not replaced"]
    assert entry["log_level"] == "error"
    assert str(tmp_path) in entry["reason"]
    assert "PRIVATE" not in str(logs)


async def test_incomplete_replacement_is_neither_served_nor_counted(
    files: Files, authority: Authority, tmp_path: Path
) -> None:
    metrics = Metrics()
    source = tls.TlsSource.from_settings(Settings(**settings(files)))
    assert source
    served = tls.ServerTls(source, metrics.certificate)
    another_key(files)
    await served.check()
    authority.issue(tmp_path / "server", "second")
    await served.check()
    await served.check()
    results = {result: reloads(metrics, result) for result in ("failure", "success")}
    assert results == {"failure": 0, "success": 1}


def reloads(metrics: Metrics, result: str) -> float | None:
    return metrics.registry.get_sample_value("double_booked_tls_reloads_total", {"result": result})


async def test_expiry_of_the_served_certificate_is_a_metric(files: Files, served: Served) -> None:
    name = "double_booked_tls_expiry_timestamp_seconds"
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    async with serve(**settings(files)) as secured:
        assert await metric(secured, name) == certificate.not_valid_after_utc.timestamp()
    assert name not in await page(served, "/metrics")


async def test_self_signed_certificate_is_new_at_each_start() -> None:
    shown = []
    for _ in range(2):
        async with serve(tls_self_signed=True) as served:
            address = ("127.0.0.1", served.server.port)
            shown.append(await asyncio.to_thread(ssl.get_server_certificate, address))
            own = grpc.ssl_channel_credentials(shown[-1].encode())
            async with grpc.aio.secure_channel(f"localhost:{address[1]}", own) as channel:
                assert len((await ConflictServiceStub(channel).GetConflicts(PAIR)).conflicts) == 1
    assert shown[0] != shown[1]


def encrypted(files: Files) -> None:
    files.key.write_bytes(encrypted_key_pem())


def folder_for_a_key(files: Files) -> None:
    files.key.unlink()
    files.key.mkdir()


def no_key(files: Files) -> None:
    files.key.write_text("garbage")


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (garbage, "{certificate} (TLS_CERT_FILE): it holds no certificate in PEM form"),
        (no_key, "{key} (TLS_KEY_FILE): it holds no private key in PEM form"),
        (no_file, "{key} (TLS_KEY_FILE): No such file or directory"),
        (folder_for_a_key, "{key} (TLS_KEY_FILE): Is a directory"),
        (
            another_key,
            "{key} (TLS_KEY_FILE): the key is not that of the certificate in {certificate}",
        ),
        (
            encrypted,
            "{key} (TLS_KEY_FILE): the key is encrypted; the file must hold it without a password",
        ),
    ],
)
def test_unusable_file_at_startup_is_reported_in_one_line(
    files: Files, breaks: Callable[[Files], None], message: str
) -> None:
    breaks(files)
    code, error = refusal(**variables(files))
    expected = message.format(certificate=files.certificate, key=files.key)
    assert error == f"double-booked: cannot use {expected}\n"
    assert code == 1


def test_missing_client_ca_is_reported_in_one_line(files: Files, tmp_path: Path) -> None:
    code, error = refusal(**variables(files), TLS_CLIENT_CA_FILE=str(tmp_path / "none"))
    message = f"cannot use {tmp_path}/none (TLS_CLIENT_CA_FILE): No such file or directory"
    assert (code, error) == (1, f"double-booked: {message}\n")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("TLS_CERT_FILE", "TLS needs both TLS_CERT_FILE and TLS_KEY_FILE; only one is set."),
        ("TLS_KEY_FILE", "TLS needs both TLS_CERT_FILE and TLS_KEY_FILE; only one is set."),
        ("TLS_CLIENT_CA_FILE", "TLS_CLIENT_CA_FILE needs TLS_CERT_FILE or TLS_SELF_SIGNED too."),
    ],
)
def test_incomplete_tls_settings_are_a_usage_error(setting: str, message: str) -> None:
    code, error = refusal(**{setting: "file.pem"})
    assert code == 2
    assert error.splitlines()[-1] == f"Error: {message}"


def test_certificate_from_files_excludes_a_self_signed_one(files: Files) -> None:
    code, error = refusal(**variables(files), TLS_SELF_SIGNED="true")
    message = "Error: TLS_SELF_SIGNED and TLS_CERT_FILE exclude each other."
    assert (code, error.splitlines()[-1]) == (2, message)
