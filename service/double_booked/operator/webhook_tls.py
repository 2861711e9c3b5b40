"""The webhook's certificate: kept in a Secret, or read from files, and served without a restart."""

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
_MATERIAL = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_PATHS = "review-paths"


class CertificateSource(Protocol):
    """Where the certificate is had from."""

    async def refresh(self, served: KeyPair | None) -> KeyPair:
        """What is to be served now.

        Args:
            served: What is served so far.

        Raises:
            CertificateError: There is none that can be used.
            ClusterError: The API server does not answer, or refuses.
        """


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What a Secret holds.

    Attributes:
        raw: The Secret as it was read; empty where there is none.
        data: Its content, by name.
    """

    raw: dict[str, Any]
    data: Mapping[str, bytes]


class SecretStore:
    """The Secret in which the operator keeps what must outlive its process."""

    def __init__(self, cluster: Cluster, key: NamespacedName) -> None:
        self.key = key
        self._cluster = cluster
        self._collection = url_path("api", "v1", "namespaces", key.namespace, "secrets")
        self._path = f"{self._collection}{url_path(key.name)}"

    async def read(self) -> StoredSecret:
        """Return what it holds.

        Raises:
            ClusterError: The API server does not answer, or refuses.
        """
        try:
            found: dict[str, Any] = await self._cluster.get(self._path)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            return StoredSecret({}, {})
        data = found.get("data") or {}
        return StoredSecret(found, {name: base64.b64decode(each) for name, each in data.items()})

    async def write(self, stored: StoredSecret, data: Mapping[str, bytes]) -> None:
        """Replace what it holds, or create it.

        Raises:
            ClusterError: It has changed since it was read (CONFLICT), or the API server does not
                answer, or refuses.
        """
        encoded = {name: base64.b64encode(each).decode() for name, each in data.items()}
        if stored.raw:
            await self._cluster.replace(self._path, stored.raw | {"data": encoded})
            return
        metadata = {
            "name": self.key.name,
            "namespace": self.key.namespace,
            "labels": {"app.kubernetes.io/managed-by": "double-booked-operator"},
        }
        kind = "kubernetes.io/tls" if "tls.key" in data else "Opaque"
        made = {"apiVersion": "v1", "kind": "Secret", "type": kind}
        await self._cluster.create(self._collection, made | {"metadata": metadata, "data": encoded})


class PathKeeper:
    """Keeps the path of reviews in the Secret, and in the webhook's configuration."""

    def __init__(
        self,
        store: SecretStore,
        registration: Registration,
        paths: ReviewPaths,
        may_rotate: Callable[[], bool],
    ) -> None:
        """Make it.

        Args:
            store: The Secret.
            registration: The webhook's configuration.
            paths: The paths at which this process answers.
            may_rotate: Whether this process is the one that changes the path.
        """
        self.store = store
        self._registration = registration
        self._paths = paths
        self._may_rotate = may_rotate

    async def keep(
        self,
        stored: StoredSecret,
        material: Mapping[str, bytes],
        authorities: bytes | None = None,
        *,
        must_rotate: bool = False,
    ) -> bool:
        """Write the path, and what is kept with it, first into the Secret and then where it counts.

        Args:
            stored: The Secret as it was read.
            material: What is to be kept beside the path.
            authorities: What the webhook is to trust; None where somebody else says so.
            must_rotate: Whether there must be a new path.

        Returns:
            Whether the configuration was so already.

        Raises:
            ClusterError: The API server does not answer, or refuses.
        """
        kept = _secrets_of(stored.data.get(_PATHS, b""))
        kept = self._paths.next(kept, may_rotate=self._may_rotate(), must_rotate=must_rotate)
        data = {**stored.data, **material, _PATHS: "\n".join(kept).encode()}
        if data != stored.data:
            await self.store.write(stored, data)
        self._paths.accept(kept)
        was_written = await self._registration.write(kept[0], authorities)
        if was_written:
            self._paths.confirm()
        return was_written


def _secrets_of(content: bytes) -> Sequence[str]:
    """Return the secrets of paths in a Secret; none if somebody has put something else there."""
    found = content.decode(errors="replace").split()
    return found if all(map(re.compile("[0-9a-f]{32}").fullmatch, found)) else ()


class FileCertificateSource:
    """A pair that somebody else keeps in files, such as cert-manager."""

    def __init__(self, certificate: PemFile, key: PemFile, keeper: PathKeeper) -> None:
        self._certificate = certificate
        self._key = key
        self._keeper = keeper

    async def refresh(self, served: KeyPair | None) -> KeyPair:  # noqa: ARG002 - as in CertificateSource
        """Return the pair as it is in the files, once the path is kept."""
        await self._keeper.keep(await self._keeper.store.read(), {})
        return await asyncio.to_thread(pem.load_key_pair, self._certificate, self._key)


class SecretCertificateSource:
    """An authority and a pair that the operator keeps in a Secret, and has the webhook trust."""

    def __init__(self, keeper: PathKeeper, names: Sequence[str]) -> None:
        """Make it.

        Args:
            keeper: Keeps them, and the path.
            names: DNS names and IP addresses of the webhook.
        """
        self._keeper = keeper
        self._names = names
        self._trusted = b""

    async def refresh(self, served: KeyPair | None) -> KeyPair:
        """Return the pair of the Secret, made or renewed as need be, once it is trusted."""
        stored = await self._keeper.store.read()
        material, fault = _material(stored.data)
        now = dt.datetime.now(dt.UTC)
        renewed = authority.ensure_fresh(material, self._names, now, self._trusted)
        was_trusted = await self._keeper.keep(
            stored,
            _content(renewed),
            renewed.authorities,
            must_rotate=material is None or material.authorities != renewed.authorities,
        )
        self._trusted = renewed.authorities
        if fault:
            raise CertificateError(
                f"Secret {self._keeper.store.key}: {fault}; it has been made anew"
            )
        if served and not was_trusted:
            # API servers learn of a new authority a moment later; the next look serves.
            return served
        return renewed.key_pair()


def _material(data: Mapping[str, bytes]) -> tuple[CertificateBundle | None, str]:
    """Return what a Secret holds, and why that cannot be used; neither where there is none."""
    if data.keys().isdisjoint(_MATERIAL):
        return None, ""
    try:
        material = CertificateBundle(*(data[name] for name in _MATERIAL))
        authority.check(material)
    except KeyError as error:
        return None, f"{error} is missing"
    except InvalidBundleError as error:
        return None, str(error)
    return material, ""


def _content(material: CertificateBundle) -> dict[str, bytes]:
    values = (
        material.authorities,
        material.authority_key,
        material.certificate,
        material.key,
    )
    return dict(zip(_MATERIAL, values, strict=True))


class WebhookTls:
    """An SSL context whose certificate follows its source; the listener is never restarted.

    Attributes:
        context: To listen with.
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
        """Refuse, in the handshake, callers without a certificate of some authorities (PEM)."""
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))

    async def wait_ready(self) -> None:
        """Waits until there is a certificate to serve."""
        while self._served is None:
            await self.refresh()
            if self._served is None:
                await asyncio.sleep(1)

    async def run(self) -> None:
        """Follows the source until it is cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Serves what the source has now; what cannot be used is logged, counted and ignored."""
        try:
            found = await self._source.refresh(self._served)
            if found != self._served:
                self._serve(found)
        except CertificateError as error:
            if str(error) != self._fault:
                self._metrics.count_reload(succeeded=False)
                structlog.get_logger().error("certificate not replaced", reason=str(error))
            self._fault = str(error)
        except ClusterError as error:
            if error.code != CONFLICT:  # else another process was quicker
                structlog.get_logger().warning(
                    "cannot see to the certificate", code=error.code, reason=str(error)
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
    """Has a context serve a pair from now on.

    `ssl` takes files only; these are in memory, so a key is on no disk.
    """
    with ExitStack() as stack:
        paths = [_in_memory(stack.callback, each) for each in (pair.certificate, pair.key)]
        context.load_cert_chain(*paths)


def _in_memory(on_exit: Callable[..., object], content: bytes) -> str:
    number = os.memfd_create("pair")
    on_exit(os.close, number)
    os.write(number, content)
    return f"/proc/self/fd/{number}"
