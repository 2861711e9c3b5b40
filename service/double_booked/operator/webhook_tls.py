"""The webhook's certificate: from a Secret or from files, and replaced without a restart."""

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

import structlog

from double_booked.operator.cluster import (
    CONFLICT,
    NOT_FOUND,
    Cluster,
    ClusterError,
    url_path,
)
from double_booked.operator.objects import NamespacedName
from double_booked.operator.registration import Registration
from double_booked.operator.review_paths import ReviewPaths
from double_booked.runtime.metrics import CertificateMetrics
from double_booked.tls import authority, pem
from double_booked.tls.authority import CertificateBundle, InvalidBundleError
from double_booked.tls.pem import CertificateError, KeyPair, PemFile

_REFRESH_SECONDS = 10.0
_BUNDLE_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_PATHS_KEY = "review-paths"


class CertificateSource(Protocol):
    """Where the webhook's certificate comes from."""

    async def refresh(self, served: KeyPair | None) -> KeyPair:
        """Return the key pair to serve now.

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


class PathKeeper:
    """Writes the path of reviews into the Secret and the webhook configuration."""

    def __init__(
        self,
        store: SecretStore,
        registration: Registration,
        paths: ReviewPaths,
        may_rotate: Callable[[], bool],
    ) -> None:
        """Prepare to write the path.

        Args:
            store: The Secret.
            registration: The webhook configuration.
            paths: The paths at which this process answers reviews.
            may_rotate: Returns whether this process is the one that changes the path.
        """
        self.store = store
        self._registration = registration
        self._paths = paths
        self._may_rotate = may_rotate

    async def write(
        self,
        stored: StoredSecret,
        data: Mapping[str, bytes],
        authorities: bytes | None = None,
        *,
        must_rotate: bool = False,
    ) -> bool:
        """Write the path, first into the Secret and then into the webhook configuration.

        Args:
            stored: The Secret as it was read.
            data: Other data to write into the Secret.
            authorities: The caBundle, PEM; None if another controller writes it.
            must_rotate: Whether the path must change.

        Returns:
            Whether the configuration was already up to date.

        Raises:
            ClusterError: A request failed.
        """
        secrets = _parse_secrets(stored.data.get(_PATHS_KEY, b""))
        secrets = self._paths.next(secrets, may_rotate=self._may_rotate(), must_rotate=must_rotate)
        data = {**stored.data, **data, _PATHS_KEY: "\n".join(secrets).encode()}
        if data != stored.data:
            await self.store.write(stored, data)
        self._paths.accept(secrets)
        was_current = await self._registration.write(secrets[0], authorities)
        if was_current:
            self._paths.confirm()
        return was_current


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

    async def refresh(self, served: KeyPair | None) -> KeyPair:  # noqa: ARG002 - the protocol has it
        """Write the path; return the key pair of the files."""
        await self._keeper.write(await self._keeper.store.read(), {})
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
        self._trusted = b""

    async def refresh(self, served: KeyPair | None) -> KeyPair:
        """Create or renew the bundle if necessary; return its key pair once it is trusted."""
        stored = await self._keeper.store.read()
        bundle, fault = _load_bundle(stored.data)
        now = dt.datetime.now(dt.UTC)
        renewed = authority.ensure_fresh(bundle, self._names, now, self._trusted)
        was_trusted = await self._keeper.write(
            stored,
            _bundle_data(renewed),
            renewed.authorities,
            must_rotate=bundle is None or bundle.authorities != renewed.authorities,
        )
        self._trusted = renewed.authorities
        if fault:
            raise CertificateError(
                f"Secret {self._keeper.store.key}: {fault}; a new bundle was created"
            )
        if served and not was_trusted:
            # API servers observe the new authority a moment later; the next refresh serves it.
            return served
        return renewed.key_pair()


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
        while self._served is None:
            await self.refresh()
            if self._served is None:
                await asyncio.sleep(1)

    async def run(self) -> None:
        """Refresh the certificate until cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Serve the key pair of the source; log and count one that cannot be used."""
        try:
            pair = await self._source.refresh(self._served)
            if pair != self._served:
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
