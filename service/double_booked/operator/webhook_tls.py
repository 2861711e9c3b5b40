"""The webhook's certificate: from a Secret or from files, and replaced without a restart.

Every replica serves the key pair and accepts the paths that are stored in the Secret. Only the
leader writes them, and the webhook configuration. A change reaches the replicas first: the Secret
has a new path some seconds before the configuration, and a certificate of a new authority is served
only once the configuration has had that authority for a while.
"""

import asyncio
import base64
import datetime as dt
import os
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import structlog

from double_booked.operator.cluster import (
    CONFLICT,
    NOT_FOUND,
    Cluster,
    ClusterError,
    url_path,
)
from double_booked.operator.objects import NamespacedName
from double_booked.operator.registration import RegisteredWebhooks, Registration
from double_booked.operator.review_paths import ReviewPaths
from double_booked.runtime.metrics import CertificateMetrics
from double_booked.tls import authority, pem
from double_booked.tls.authority import CertificateBundle, InvalidBundleError
from double_booked.tls.pem import CertificateError, KeyPair, PemFile

_REFRESH_SECONDS = 5.0
_BUNDLE_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_PATHS_KEY = "review-paths"
_REQUEST_KEY = "rotation-requested"
"""A replica that is not the leader adds this key when an error may have disclosed the path."""


class CertificateSource(Protocol):
    """Where the webhook's certificate comes from."""

    async def refresh(self, served: KeyPair | None) -> KeyPair | None:
        """Return the key pair to serve now; None if the leader must create or register it first.

        Args:
            served: The key pair that is being served; None before the first.

        Raises:
            CertificateError: There is no usable key pair.
            ClusterError: A request failed.
        """


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as it was read.

    Attributes:
        raw: The object; empty if the Secret does not exist.
        data: Its decoded data.
    """

    raw: dict[str, Any]
    data: Mapping[str, bytes]


class SecretStore:
    """The Secret in which the operator stores what must outlive its process."""

    def __init__(self, cluster: Cluster, key: NamespacedName) -> None:
        self.key = key
        self._cluster = cluster
        self._collection = url_path("api", "v1", "namespaces", key.namespace, "secrets")
        self._path = f"{self._collection}{url_path(key.name)}"

    async def read(self) -> StoredSecret:
        """Read the Secret.

        Raises:
            ClusterError: A request failed.
        """
        try:
            raw: dict[str, Any] = await self._cluster.get(self._path)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            return StoredSecret({}, {})
        data = raw.get("data") or {}
        decoded = {name: base64.b64decode(value) for name, value in data.items()}
        return StoredSecret(raw, decoded)

    async def write(self, stored: StoredSecret, data: Mapping[str, bytes]) -> None:
        """Replace the data of the Secret, or create it.

        Raises:
            ClusterError: It has changed since it was read (CONFLICT), or the request failed.
        """
        encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
        if stored.raw:
            await self._cluster.replace(self._path, stored.raw | {"data": encoded})
            return
        metadata = {
            "name": self.key.name,
            "namespace": self.key.namespace,
            "labels": {"app.kubernetes.io/managed-by": "double-booked-operator"},
        }
        kind = "kubernetes.io/tls" if "tls.key" in data else "Opaque"
        secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "type": kind}
        secret |= {"metadata": metadata, "data": encoded}
        await self._cluster.create(self._collection, secret)


@dataclass(frozen=True, slots=True)
class SharedState:
    """What all replicas read.

    Attributes:
        registered: The webhook configuration. It is read before the Secret, so that the Secret has
            the path that is registered.
        stored: The Secret.
        is_leading: Whether this replica writes both.
    """

    registered: RegisteredWebhooks
    stored: StoredSecret
    is_leading: bool

    def secrets(self) -> Sequence[str]:
        """Return the secret parts of the stored paths; nothing if they are malformed."""
        return _parse_secrets(self.stored.data.get(_PATHS_KEY, b""))

    def is_rotation_requested(self) -> bool:
        """Whether a replica asks the leader for another path."""
        return _REQUEST_KEY in self.stored.data


class PathKeeper:
    """Keeps the path of reviews in the Secret and in the webhook configuration."""

    def __init__(
        self,
        store: SecretStore,
        registration: Registration,
        paths: ReviewPaths,
        is_leading: Callable[[], bool],
    ) -> None:
        """Prepare to keep the path.

        Args:
            store: The Secret.
            registration: The webhook configuration.
            paths: The paths at which this process answers reviews.
            is_leading: Returns whether this replica writes the Secret and the configuration.
        """
        self.store = store
        self._registration = registration
        self._paths = paths
        self._is_leading = is_leading

    async def read(self) -> SharedState:
        """Read the configuration and then the Secret.

        Raises:
            ClusterError: A request failed.
        """
        registered = await self._registration.read()
        return SharedState(registered, await self.store.read(), self._is_leading())

    async def write(
        self,
        state: SharedState,
        data: Mapping[str, bytes],
        authorities: bytes | None = None,
        *,
        must_rotate: bool = False,
    ) -> None:
        """Write the path as the leader, first into the Secret and later into the configuration.

        Args:
            state: The Secret and the configuration as they were read.
            data: Other data to write into the Secret.
            authorities: The caBundle, PEM; None if another controller writes it.
            must_rotate: Whether the path must change.

        Raises:
            ClusterError: A request failed, or another process was quicker (CONFLICT).
        """
        if state.is_rotation_requested():
            self._paths.note_outage()
        before, registered = state.secrets(), state.registered.secrets()
        secrets = self._paths.next(before, registered, must_rotate=must_rotate)
        data = {**state.stored.data, **data, _PATHS_KEY: "\n".join(secrets).encode()}
        if secrets != before:
            data.pop(_REQUEST_KEY, None)
        if data != state.stored.data:
            await self.store.write(state.stored, data)
        self._accept(state, secrets)
        target = self._paths.to_register(secrets, registered)
        await self._registration.write(state.registered, target, authorities)

    async def follow(self, state: SharedState) -> bool:
        """Accept the stored paths as one of the other replicas; ask the leader after an outage.

        Args:
            state: The Secret and the configuration as they were read.

        Returns:
            Whether there are stored paths.

        Raises:
            ClusterError: A request failed.
        """
        secrets = state.secrets()
        if not secrets:
            return False
        self._accept(state, secrets)
        if self._paths.had_outage and not state.is_rotation_requested():
            await self._request_rotation(state.stored)
        return True

    def _accept(self, state: SharedState, secrets: Sequence[str]) -> None:
        self._paths.accept(secrets)
        if state.registered.has_secret(secrets[0]):
            self._paths.confirm()

    async def _request_rotation(self, stored: StoredSecret) -> None:
        data = {**stored.data, _REQUEST_KEY: uuid4().hex.encode()}
        try:
            await self.store.write(stored, data)
        except ClusterError as error:
            if error.code != CONFLICT:  # the next refresh does it, if there is no new path yet
                raise


def _parse_secrets(content: bytes) -> Sequence[str]:
    """Return the secret parts of stored paths; nothing if the content is malformed."""
    secrets = content.decode(errors="replace").split()
    return secrets if all(map(re.compile("[0-9a-f]{32}").fullmatch, secrets)) else ()


class FileCertificateSource:
    """Certificate files that are maintained externally, for example by cert-manager."""

    def __init__(self, certificate: PemFile, key: PemFile, keeper: PathKeeper) -> None:
        self._certificate = certificate
        self._key = key
        self._keeper = keeper

    async def refresh(self, served: KeyPair | None) -> KeyPair | None:
        """Write or follow the path; return the key pair of the files."""
        state = await self._keeper.read()
        if state.is_leading:
            await self._keeper.write(state, {})
        elif not await self._keeper.follow(state):
            return served
        return await asyncio.to_thread(pem.load_key_pair, self._certificate, self._key)


class SecretCertificateSource:
    """A certificate bundle that the operator issues, stores in a Secret and has trusted."""

    def __init__(self, keeper: PathKeeper, names: Sequence[str]) -> None:
        """Prepare to issue certificates.

        Args:
            keeper: Writes the Secret and the webhook configuration.
            names: DNS names and IP addresses of the webhook.
        """
        self._keeper = keeper
        self._names = names
        self._authorities = b""
        self._registered = b""

    async def refresh(self, served: KeyPair | None) -> KeyPair | None:
        """Read the bundle, and renew it as the leader; return its key pair once it is trusted."""
        state = await self._keeper.read()
        bundle, fault = _load_bundle(state.stored.data)
        if state.is_leading:
            bundle = await self._write(state, bundle)
        else:
            await self._keeper.follow(state)
        pair = self._trusted_pair(state, bundle, served) if bundle else served
        if fault:
            remedy = "a new bundle was created" if state.is_leading else "the leader replaces it"
            raise CertificateError(f"Secret {self._keeper.store.key}: {fault}; {remedy}")
        return pair

    async def _write(
        self, state: SharedState, bundle: CertificateBundle | None
    ) -> CertificateBundle:
        """Renew the bundle if necessary, and have it trusted."""
        now = dt.datetime.now(dt.UTC)
        renewed = authority.ensure_fresh(bundle, self._names, now, self._authorities)
        await self._keeper.write(
            state,
            _bundle_data(renewed),
            renewed.authorities,
            must_rotate=bundle is None or bundle.authorities != renewed.authorities,
        )
        return renewed

    def _trusted_pair(
        self, state: SharedState, bundle: CertificateBundle, served: KeyPair | None
    ) -> KeyPair | None:
        """Return the key pair of a bundle, or the served one until API servers trust the bundle.

        They observe a change a moment later, so the next refresh serves the new certificate. A
        process that serves none yet does not wait.
        """
        is_trusted = state.registered.trusts(bundle.authorities)
        is_registered = is_trusted or state.is_leading  # the leader has just written them
        was_registered = self._registered == bundle.authorities
        self._authorities = bundle.authorities
        self._registered = bundle.authorities if is_registered else b""
        may_serve = is_registered if served is None else is_trusted and was_registered
        return bundle.key_pair() if may_serve else served


def _load_bundle(data: Mapping[str, bytes]) -> tuple[CertificateBundle | None, str]:
    """Return the bundle in a Secret, or why it cannot be used; neither if it has no bundle."""
    if data.keys().isdisjoint(_BUNDLE_KEYS):
        return None, ""
    try:
        bundle = CertificateBundle(*(data[name] for name in _BUNDLE_KEYS))
        authority.check(bundle)
    except KeyError as error:
        return None, f"{error} is missing"
    except InvalidBundleError as error:
        return None, str(error)
    return bundle, ""


def _bundle_data(bundle: CertificateBundle) -> dict[str, bytes]:
    values = (
        bundle.authorities,
        bundle.authority_key,
        bundle.certificate,
        bundle.key,
    )
    return dict(zip(_BUNDLE_KEYS, values, strict=True))


class WebhookTls:
    """An SSL context whose certificate follows its source, without a restart of the listener.

    Attributes:
        context: The SSL context of the listener.
    """

    @property
    def certificate(self) -> bytes:
        """The certificate that is served, with its chain, PEM; empty before the first."""
        return self._served.certificate if self._served else b""

    def __init__(self, source: CertificateSource, metrics: CertificateMetrics) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._source = source
        self._metrics = metrics
        self._served: KeyPair | None = None
        self._fault = ""

    def require_clients(self, authorities: bytes) -> None:
        """Require client certificates that are issued by some authorities (PEM)."""
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))

    async def wait_ready(self) -> None:
        """Wait until there is a certificate to serve."""
        await self.refresh()
        if self._served is None:
            structlog.get_logger().info("waiting for a certificate")
        while self._served is None:
            await asyncio.sleep(1)
            await self.refresh()

    async def run(self) -> None:
        """Refresh the certificate until cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Serve the key pair of the source; log and count one that cannot be used."""
        try:
            pair = await self._source.refresh(self._served)
            if pair and pair != self._served:
                self._serve(pair)
        except CertificateError as error:
            if str(error) != self._fault:
                self._metrics.count_reload(succeeded=False)
                structlog.get_logger().error("certificate not replaced", reason=str(error))
            self._fault = str(error)
        except ClusterError as error:
            if error.code != CONFLICT:  # another process was quicker
                structlog.get_logger().warning(
                    "certificate refresh failed", code=error.code, reason=str(error)
                )

    def _serve(self, pair: KeyPair) -> None:
        is_first = self._served is None
        use_key_pair(self.context, pair)
        self._served = pair
        self._fault = ""
        self._metrics.set_expiry(pair.expiry.timestamp())
        if not is_first:
            self._metrics.count_reload(succeeded=True)
        structlog.get_logger().info("certificate served", expiry=pair.expiry.isoformat())


def use_key_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Have a context serve a key pair from now on.

    The ssl module reads files only. These are in memory, so that no key is on a disk.
    """
    with ExitStack() as stack:
        paths = [_in_memory(stack.callback, pem) for pem in (pair.certificate, pair.key)]
        context.load_cert_chain(*paths)


def _in_memory(on_exit: Callable[..., object], content: bytes) -> str:
    number = os.memfd_create("pair")
    on_exit(os.close, number)
    os.write(number, content)
    return f"/proc/self/fd/{number}"
