"""The webhook serves a certificate from a Secret or from files, and keeps its path secret."""

import asyncio
import base64
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import NamespacedName
from double_booked.operator.registration import Registration
from double_booked.operator.review_paths import (
    MAX_KEPT,
    OVERLAP_SECONDS,
    ROTATION_SECONDS,
    SETTLE_SECONDS,
    SPREAD_SECONDS,
    ReviewPaths,
)
from double_booked.operator.webhook_tls import (
    FileCertificateSource,
    PathKeeper,
    SecretCertificateSource,
    SecretStore,
    WebhookTls,
)
from double_booked.tls import authority
from double_booked.tls.pem import PemFile
from server.certificate_authority import Authority

from .factories import Clock
from .fake_api_server import SECRETS, WEBHOOKS, FakeApiServer

SECRET = f"{SECRETS}/webhook"
CONFIGURATION = f"{WEBHOOKS}/double-booked"
NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def configured(api: FakeApiServer) -> FakeApiServer:
    """Return a fake API server with a configuration of two webhooks."""
    webhooks = [
        {"name": f"{kind}.double-booked.io", "clientConfig": {"url": "https://127.0.0.1:1"}}
        for kind in ("bookings", "calendars")
    ]
    api.objects[CONFIGURATION] = {
        "metadata": {"uid": "", "generation": 1, "resourceVersion": "1"},
        "webhooks": webhooks,
    }
    return api


def keeper(
    cluster: Cluster, paths: ReviewPaths, is_leading: Callable[[], bool] = lambda: True
) -> PathKeeper:
    store = SecretStore(cluster, NamespacedName("team", "webhook"))
    registration = Registration(cluster, "double-booked", NAMES)
    return PathKeeper(store, registration, paths, is_leading)


def kept(
    cluster: Cluster, paths: ReviewPaths | None = None, metrics: Metrics | None = None
) -> WebhookTls:
    """Return the certificate of a replica that leads."""
    source = SecretCertificateSource(keeper(cluster, paths or ReviewPaths()), NAMES)
    return WebhookTls(source, (metrics or Metrics()).certificate)


def asked_at(api: FakeApiServer, kind: int = 0) -> str:
    """Return the path to which reviews of bookings, or of calendars, are sent."""
    url: str = api.objects[CONFIGURATION]["webhooks"][kind]["clientConfig"]["url"]
    return url.removeprefix("https://127.0.0.1:1")


def trusted(api: FakeApiServer) -> set[bytes]:
    """Return the authorities that the webhooks trust."""
    webhooks = api.objects[CONFIGURATION]["webhooks"]
    return {base64.b64decode(webhook["clientConfig"].get("caBundle", "")) for webhook in webhooks}


def secret(api: FakeApiServer) -> dict[str, bytes]:
    data: dict[str, str] = api.objects[SECRET]["data"]
    return {name: base64.b64decode(value) for name, value in data.items()}


def stored_paths(api: FakeApiServer) -> list[str]:
    """Return the secret parts of the stored paths, the newest first."""
    return secret(api)["review-paths"].decode().split()


def reloads(metrics: Metrics, result: str) -> float | None:
    name = "double_booked_operator_tls_reloads_total"
    return metrics.registry.get_sample_value(name, {"result": result})


def expiry(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("double_booked_operator_tls_expiry_timestamp_seconds")


@asynccontextmanager
async def listening(tls: WebhookTls) -> AsyncIterator[int]:
    """Serve the context on a port of loopback."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shown(port: int, authorities: bytes, flags: int = ssl.VERIFY_X509_STRICT) -> bytes:
    """Return the served certificate, verified strictly or not."""
    context = ssl.create_default_context(cadata=authorities.decode())
    context.verify_flags = ssl.VerifyFlags(flags)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
    ):
        shown = wrapped.getpeercert(binary_form=True)
        assert shown
        return shown


async def test_a_missing_secret_is_created_and_trusted(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    metrics = Metrics()
    tls = kept(cluster, metrics=metrics)
    await tls.wait_ready()
    assert trusted(configured) == {secret(configured)["ca.crt"]}
    assert configured.objects[SECRET]["type"] == "kubernetes.io/tls"
    assert (expiry(metrics) or 0) > dt.datetime.now(dt.UTC).timestamp()
    async with listening(tls) as port:
        assert await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])


async def test_the_bundle_of_another_process_is_used(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    await kept(cluster).wait_ready()
    before = secret(configured)
    await kept(cluster).wait_ready()
    assert secret(configured) == before


async def test_a_removed_ca_bundle_is_written_again(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.wait_ready()
    configured.objects[CONFIGURATION]["webhooks"][1]["clientConfig"] = {
        "url": "https://127.0.0.1:1"
    }
    await tls.refresh()
    assert trusted(configured) == {secret(configured)["ca.crt"]}


async def test_a_new_certificate_is_served_without_a_restart(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    metrics = Metrics()
    tls = kept(cluster, metrics=metrics)
    await tls.wait_ready()
    async with listening(tls) as port:
        before = await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])
        data = secret(configured)
        without = authority.CertificateBundle(data["ca.crt"], data["ca.key"], b"", b"")
        other = authority.ensure_fresh(
            without, NAMES, dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        )
        data = {"tls.crt": other.certificate, "tls.key": other.key}
        for name, content in data.items():
            configured.objects[SECRET]["data"][name] = base64.b64encode(content).decode()
        await tls.refresh()
        after = await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])
    assert before != after
    assert reloads(metrics, "success") == 1


async def test_the_successor_of_a_lost_secret_is_trusted_before_it_is_served(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.wait_ready()
    old = secret(configured)["ca.crt"]
    configured.delete(SECRET)
    async with listening(tls) as port:
        await tls.refresh()
        [bundle] = trusted(configured)
        assert old in bundle
        assert await asyncio.to_thread(shown, port, old)
        await tls.refresh()
        new = bundle.removesuffix(old)
        assert await asyncio.to_thread(shown, port, new)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [({"tls.key": "bm8ga2V5"}, "no usable certificate or key"), ({"ca.key": None}, "'ca.key' is")],
)
async def test_a_broken_secret_is_logged_counted_and_replaced(
    configured: FakeApiServer,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    broken: dict[str, Any],
    reason: str,
) -> None:
    metrics = Metrics()
    tls = kept(cluster, metrics=metrics)
    await tls.wait_ready()
    data = configured.objects[SECRET]["data"] | broken
    configured.objects[SECRET]["data"] = {name: value for name, value in data.items() if value}
    await tls.refresh()
    assert reloads(metrics, "failure") == 1
    assert reason in capsys.readouterr().out
    await tls.refresh()
    names = ("ca.crt", "ca.key", "tls.crt", "tls.key")
    authority.check(authority.CertificateBundle(*(secret(configured)[name] for name in names)))
    assert reloads(metrics, "failure") == 1
    assert reloads(metrics, "success") == 1


async def test_the_bundle_of_a_quicker_process_is_served(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    metrics = Metrics()
    tls = kept(cluster, metrics=metrics)
    configured.fail("POST", SECRETS, 409)
    await tls.refresh()
    assert expiry(metrics) == 0
    await tls.wait_ready()
    assert (expiry(metrics) or 0) > 0


@pytest.mark.usefixtures("configured")
async def test_changed_files_are_served_and_broken_ones_ignored(
    cluster: Cluster, tmp_path: Path
) -> None:
    one = Authority("One")
    pair = one.issue(tmp_path, "leaf")
    files = PemFile(str(pair.certificate), "CERT"), PemFile(str(pair.key), "KEY")
    source = FileCertificateSource(*files, keeper(cluster, ReviewPaths()))
    metrics = Metrics()
    tls = WebhookTls(source, metrics.certificate)
    await tls.wait_ready()
    async with listening(tls) as port:
        before = await asyncio.to_thread(shown, port, one.pem(), 0)
        key = pair.key.read_bytes()
        pair.key.write_text("no key")
        for _ in range(3):
            await tls.refresh()
        assert await asyncio.to_thread(shown, port, one.pem(), 0) == before
        assert reloads(metrics, "failure") == 1
        pair.key.write_bytes(key)
        one.issue(tmp_path, "leaf")
        await tls.refresh()
        assert await asyncio.to_thread(shown, port, one.pem(), 0) != before
        assert reloads(metrics, "success") == 1


async def test_with_files_the_path_is_written_and_the_ca_bundle_is_not(
    configured: FakeApiServer, cluster: Cluster, tmp_path: Path
) -> None:
    pair = Authority("One").issue(tmp_path, "leaf")
    files = PemFile(str(pair.certificate), "CERT"), PemFile(str(pair.key), "KEY")
    paths = ReviewPaths()
    source = FileCertificateSource(*files, keeper(cluster, paths))
    await WebhookTls(source, Metrics().certificate).wait_ready()
    assert paths.kind_of(asked_at(configured)) == "bookings"
    assert trusted(configured) == {b""}
    assert secret(configured).keys() == {"review-paths"}
    assert configured.objects[SECRET]["type"] == "Opaque"


async def test_the_path_is_stored_in_the_secret_and_written_with_the_authority(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    paths = ReviewPaths()
    await kept(cluster, paths).wait_ready()
    kept_secret = secret(configured)["review-paths"].decode()
    assert len(kept_secret) == 32
    assert [asked_at(configured, number) for number in (0, 1)] == [
        f"/bookings/{kept_secret}",
        f"/calendars/{kept_secret}",
    ]
    assert configured.count("PATCH", CONFIGURATION) == 1


async def test_a_successor_accepts_the_path_of_its_predecessor(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    await kept(cluster).wait_ready()
    before = asked_at(configured)
    paths = ReviewPaths()
    await kept(cluster, paths).wait_ready()
    assert asked_at(configured) == before
    assert paths.kind_of(before) == "bookings"


@pytest.mark.parametrize("is_outage", [True, False])
async def test_the_path_changes_after_an_outage_and_every_hour(
    configured: FakeApiServer, cluster: Cluster, *, is_outage: bool
) -> None:
    clock = Clock()
    paths = ReviewPaths(clock)
    tls = kept(cluster, paths)
    await tls.wait_ready()
    before = asked_at(configured)
    if is_outage:
        paths.note_outage()
    clock.now += (SETTLE_SECONDS if is_outage else ROTATION_SECONDS) - 1
    await tls.refresh()
    assert asked_at(configured) == before
    clock.now += 1
    await tls.refresh()
    assert asked_at(configured) == before
    clock.now += SPREAD_SECONDS
    await tls.refresh()
    after = asked_at(configured)
    assert after != before
    assert {paths.kind_of(path) for path in (before, after)} == {"bookings"}
    await tls.refresh()
    clock.now += OVERLAP_SECONDS
    assert [paths.kind_of(path) for path in (before, after)] == [None, "bookings"]


async def test_the_path_changes_with_the_authority(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.wait_ready()
    before = asked_at(configured)
    configured.delete(SECRET)
    await tls.refresh()
    assert asked_at(configured) != before


async def test_the_previous_path_is_accepted_while_the_next_cannot_be_written(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    clock = Clock()
    paths = ReviewPaths(clock)
    tls = kept(cluster, paths)
    await tls.wait_ready()
    before = asked_at(configured)
    paths.note_outage()
    clock.now += SETTLE_SECONDS
    await tls.refresh()
    clock.now += SPREAD_SECONDS
    configured.fail("PATCH", CONFIGURATION, 403, 403)
    await tls.refresh()
    clock.now += 10 * OVERLAP_SECONDS
    await tls.refresh()
    assert asked_at(configured) == before
    assert paths.kind_of(before) == "bookings"


async def test_a_process_that_ends_between_secret_and_configuration_leaves_no_gap(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    clock = Clock()
    first = ReviewPaths(clock)
    tls = kept(cluster, first)
    await tls.wait_ready()
    before = asked_at(configured)
    first.note_outage()
    clock.now += SETTLE_SECONDS
    await tls.refresh()
    paths = ReviewPaths(clock)
    successor = kept(cluster, paths)
    await successor.wait_ready()
    assert asked_at(configured) == before
    clock.now += SPREAD_SECONDS
    await successor.refresh()
    assert asked_at(configured) != before
    assert {paths.kind_of(path) for path in (before, asked_at(configured))} == {"bookings"}


async def test_a_rotation_waits_until_the_last_one_is_in_the_configuration(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    clock = Clock()
    tls = kept(cluster, ReviewPaths(clock))
    await tls.wait_ready()
    before = asked_at(configured)
    for _ in range(5):
        clock.now += ROTATION_SECONDS
        configured.fail("PATCH", CONFIGURATION, 403)
        await tls.refresh()
    assert len(stored_paths(configured)) == 2
    assert before.endswith(stored_paths(configured)[-1])


async def test_a_registered_path_stays_stored_however_often_the_secret_is_lost(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    tls = kept(cluster, ReviewPaths(Clock()))
    await tls.wait_ready()
    before = asked_at(configured)
    for _ in range(MAX_KEPT + 2):
        data = configured.objects[SECRET]["data"]
        configured.objects[SECRET]["data"] = {"review-paths": data["review-paths"]}
        await tls.refresh()
    assert asked_at(configured) == before
    assert len(stored_paths(configured)) == MAX_KEPT + 1
    assert before.endswith(stored_paths(configured)[-1])


@dataclass
class Fleet:
    """Replicas with one clock, of which one leads, and the fake API server."""

    api: FakeApiServer
    cluster: Cluster
    files: tuple[PemFile, PemFile] | None = None
    clock: Clock = field(default_factory=Clock)
    leader: int | None = 0
    paths: list[ReviewPaths] = field(default_factory=list)
    replicas: list[WebhookTls] = field(default_factory=list)

    def add(self) -> int:
        """Add a replica; return its number."""
        number = len(self.replicas)
        paths = ReviewPaths(self.clock)
        keeping = keeper(self.cluster, paths, lambda: self.leader == number)
        source = (
            FileCertificateSource(*self.files, keeping)
            if self.files
            else SecretCertificateSource(keeping, NAMES)
        )
        self.paths.append(paths)
        self.replicas.append(WebhookTls(source, Metrics().certificate))
        return number

    async def refresh(self, seconds: float = 5) -> None:
        """Let time pass, and all replicas that run refresh; the followers are first."""
        self.clock.now += seconds
        for number in sorted(range(len(self.replicas)), key=lambda number: number == self.leader):
            await self.replicas[number].refresh()
        self.check()

    def check(self) -> None:
        """Check that every replica accepts the registered path."""
        asked = asked_at(self.api)
        assert [paths.kind_of(asked) for paths in self.paths] == ["bookings"] * len(self.paths)
        assert "bookings" in asked

    def end(self, number: int) -> None:
        """End a replica; the others keep their numbers."""
        self.replicas[number] = IDLE
        self.paths = [paths for other, paths in enumerate(self.paths) if other != number]


class _Idle:
    """A replica that has ended."""

    certificate = b""

    async def refresh(self) -> None:
        pass


IDLE: Any = _Idle()


@pytest.fixture(params=["secret", "files"])
async def fleet(
    request: pytest.FixtureRequest, configured: FakeApiServer, cluster: Cluster, tmp_path: Path
) -> Fleet:
    """Return three replicas that are ready, with certificates of both kinds."""
    files = None
    if request.param == "files":
        pair = Authority("One").issue(tmp_path, "leaf")
        files = PemFile(str(pair.certificate), "CERT"), PemFile(str(pair.key), "KEY")
    fleet = Fleet(configured, cluster, files)
    for _ in range(3):
        await fleet.replicas[fleet.add()].wait_ready()
    return fleet


async def test_replicas_wait_for_a_leader_at_the_first_start(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    fleet = Fleet(configured, cluster, leader=None)
    number = fleet.add()
    await fleet.replicas[number].refresh()
    assert fleet.replicas[number].certificate == b""
    assert SECRET not in configured.objects
    assert fleet.paths[number].accepted() == []
    fleet.leader = number
    await fleet.refresh()
    assert fleet.replicas[number].certificate


async def test_all_replicas_serve_the_stored_certificate_and_accept_the_stored_path(
    fleet: Fleet,
) -> None:
    assert len({replica.certificate for replica in fleet.replicas}) == 1
    fleet.check()
    assert fleet.api.count("PATCH", CONFIGURATION) == 1


async def test_a_new_path_reaches_the_configuration_after_every_replica(fleet: Fleet) -> None:
    before = asked_at(fleet.api)
    await fleet.refresh(ROTATION_SECONDS)
    assert len(stored_paths(fleet.api)) == 2
    for _ in range(2):
        await fleet.refresh()
        assert asked_at(fleet.api) == before
    await fleet.refresh()
    assert asked_at(fleet.api).endswith(stored_paths(fleet.api)[0])
    await fleet.refresh()
    await fleet.refresh(OVERLAP_SECONDS)
    assert [paths.kind_of(before) for paths in fleet.paths] == [None] * 3


async def test_an_outage_at_any_replica_has_the_leader_change_the_path(fleet: Fleet) -> None:
    before = asked_at(fleet.api)
    fleet.paths[2].note_outage()
    await fleet.refresh()
    assert "rotation-requested" in secret(fleet.api)
    await fleet.refresh(SETTLE_SECONDS - 1)
    assert len(stored_paths(fleet.api)) == 1
    await fleet.refresh(1)
    assert len(stored_paths(fleet.api)) == 2
    assert "rotation-requested" not in secret(fleet.api)
    for _ in range(10):
        await fleet.refresh()
        assert "rotation-requested" not in secret(fleet.api)
    assert asked_at(fleet.api) != before
    assert len(stored_paths(fleet.api)) == 2


async def test_a_request_is_not_lost_with_the_leader(fleet: Fleet) -> None:
    fleet.paths[2].note_outage()
    await fleet.refresh()
    fleet.end(0)
    fleet.leader = 1
    await fleet.refresh()
    await fleet.refresh(SETTLE_SECONDS)
    assert len(stored_paths(fleet.api)) == 2


async def test_a_leader_that_dies_between_secret_and_configuration_is_followed(
    fleet: Fleet,
) -> None:
    before = asked_at(fleet.api)
    fleet.clock.now += ROTATION_SECONDS
    await fleet.replicas[0].refresh()
    assert len(stored_paths(fleet.api)) == 2
    fleet.end(0)
    fleet.leader = fleet.add()
    for _ in range(3):
        await fleet.refresh()
        assert asked_at(fleet.api) == before
    await fleet.refresh()
    assert asked_at(fleet.api).endswith(stored_paths(fleet.api)[0])


async def test_a_path_that_is_not_stored_is_replaced_by_one_that_all_accept(
    fleet: Fleet,
) -> None:
    before = asked_at(fleet.api)
    await fleet.refresh(ROTATION_SECONDS)
    for webhook in fleet.api.objects[CONFIGURATION]["webhooks"]:
        webhook["clientConfig"]["url"] = "https://127.0.0.1:1/other"
    await fleet.refresh(0)
    assert asked_at(fleet.api) == before


async def test_two_leaders_agree(fleet: Fleet) -> None:
    for _ in range(8):
        fleet.clock.now += ROTATION_SECONDS / 4
        for leader in (0, 1):
            fleet.leader = leader
            await asyncio.gather(*(replica.refresh() for replica in fleet.replicas))
        fleet.check()


async def test_followers_serve_a_new_certificate_only_once_its_authority_is_trusted(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    fleet = Fleet(configured, cluster)
    for _ in range(2):
        await fleet.replicas[fleet.add()].wait_ready()
    old, trusted_before = fleet.replicas[1].certificate, trusted(configured)
    configured.delete(SECRET)
    configured.fail("PATCH", CONFIGURATION, 403)
    await fleet.replicas[0].refresh()
    assert trusted(configured) == trusted_before
    for _ in range(3):
        await fleet.replicas[1].refresh()
        assert fleet.replicas[1].certificate == old
    late = fleet.add()
    await fleet.replicas[late].refresh()
    assert fleet.replicas[late].certificate == b""
    await fleet.refresh()
    [bundle] = trusted(configured)
    assert bundle.endswith(trusted_before.pop())
    for _ in range(2):
        await fleet.refresh()
    assert [replica.certificate for replica in fleet.replicas] == [
        secret(configured)["tls.crt"]
    ] * 3


async def test_a_follower_neither_writes_nor_replaces_anything(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    fleet = Fleet(configured, cluster)
    await fleet.replicas[fleet.add()].wait_ready()
    fleet.leader = None
    before = secret(configured)
    broken = {"tls.key": base64.b64encode(b"no key").decode()}
    configured.objects[SECRET]["data"] |= broken
    follower = fleet.add()
    for _ in range(3):
        await fleet.refresh(ROTATION_SECONDS)
    assert secret(configured) == before | {"tls.key": b"no key"}
    assert fleet.replicas[follower].certificate == b""
    assert fleet.replicas[0].certificate


async def test_the_path_of_an_older_chart_is_replaced_at_the_start(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    for kind, webhook in zip(
        ("bookings", "calendars"), configured.objects[CONFIGURATION]["webhooks"], strict=True
    ):
        webhook["clientConfig"] = {"url": f"https://127.0.0.1:1/{kind}"}
    paths = ReviewPaths()
    await kept(cluster, paths).wait_ready()
    assert paths.kind_of(asked_at(configured)) == "bookings"
    assert paths.kind_of("/bookings") is None


async def test_the_path_of_a_rollback_is_kept_for_some_refreshes(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    paths = ReviewPaths()
    tls = kept(cluster, paths)
    await tls.wait_ready()
    for webhook in configured.objects[CONFIGURATION]["webhooks"]:
        webhook["clientConfig"]["url"] = "https://127.0.0.1:1/bookings"
    for _ in range(5):
        await tls.refresh()
        assert asked_at(configured) == "/bookings"
    await tls.refresh()
    assert paths.kind_of(asked_at(configured)) == "bookings"


async def test_webhooks_that_call_other_hosts_never_get_the_path(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    elsewhere = {"url": "https://elsewhere.example/bookings"}
    configured.objects[CONFIGURATION]["webhooks"][0]["clientConfig"] = dict(elsewhere)
    await kept(cluster).wait_ready()
    assert configured.objects[CONFIGURATION]["webhooks"][0]["clientConfig"] == elsewhere


async def test_a_configuration_that_changed_since_it_was_read_is_not_overwritten(
    configured: FakeApiServer, cluster: Cluster
) -> None:
    registration = Registration(cluster, "double-booked", NAMES)
    configured.put(CONFIGURATION, configured.objects[CONFIGURATION])
    registered = await registration.read()
    configured.put(CONFIGURATION, configured.objects[CONFIGURATION])
    with pytest.raises(ClusterError, match="another resourceVersion"):
        await registration.write(registered, "0" * 32, None)
    assert asked_at(configured) == ""


async def test_written_fields_have_no_manager(configured: FakeApiServer, cluster: Cluster) -> None:
    owners = [{"manager": "helm"}, {"manager": "double-booked-operator"}]
    configured.objects[CONFIGURATION]["metadata"]["managedFields"] = owners
    await kept(cluster).wait_ready()
    assert configured.objects[CONFIGURATION]["metadata"]["managedFields"] == [{"manager": "helm"}]


async def test_callers_without_a_certificate_of_the_authority_are_rejected(
    configured: FakeApiServer, cluster: Cluster, tmp_path: Path
) -> None:
    tls = kept(cluster)
    clients = Authority("Clients")
    tls.require_clients(clients.pem())
    await tls.wait_ready()
    context = ssl.create_default_context(cadata=secret(configured)["ca.crt"].decode())
    # From TLS 1.3 on, a client observes the rejection only when it reads.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(tls) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(greet, port, context)
        other = Authority("OtherBookings").issue(tmp_path, "other")
        context.load_cert_chain(other.certificate, other.key)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(greet, port, context)
        client = clients.issue(tmp_path, "client")
        context.load_cert_chain(client.certificate, client.key)
        await asyncio.to_thread(greet, port, context)


def greet(port: int, context: ssl.SSLContext) -> None:
    """Finish a handshake; raise its rejection by the other side."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1"),
    ):
        pass
