"""The webhook's certificate: kept in a Secret, or read from files, and served without a restart."""

import asyncio
import base64
import datetime as dt
import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from double_booked import certificates
from double_booked.certificates import BadCertificate, PemFile
from double_booked.operator import authority
from double_booked.operator.authority import BadMaterial, Material
from double_booked.operator.cluster import (
    CONFLICT,
    NOT_FOUND,
    STRATEGIC_MERGE_PATCH,
    Cluster,
    ClusterError,
)
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Key

_LOOK_SECONDS = 10.0
_PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes
    expiry: dt.datetime


class Source(Protocol):
    """Where the certificate is had from."""

    async def look(self, served: Served | None) -> Served:
        """What is to be served now.

        Args:
            served: What is served so far.

        Raises:
            BadCertificate: There is none that can be used.
            ClusterError: The API server does not answer, or refuses.
        """


class Files:
    """A pair that somebody else keeps, cert-manager for one, in files."""

    def __init__(self, certificate: PemFile, key: PemFile) -> None:
        self._certificate = certificate
        self._key = key

    async def look(self, served: Served | None) -> Served:  # noqa: ARG002 - as in Source
        """The pair as it is in the files."""
        pair = await asyncio.to_thread(certificates.load_pair, self._certificate, self._key)
        return Served(pair.certificate, pair.key, pair.expiry)


class Kept:
    """An authority and a pair that the operator keeps in a Secret, and has the webhook trust."""

    def __init__(
        self, cluster: Cluster, secret: Key, configuration: str, names: Sequence[str]
    ) -> None:
        """Keeps them.

        Args:
            cluster: Where.
            secret: The Secret.
            configuration: The ValidatingWebhookConfiguration that is to trust the authority.
            names: DNS names and IP addresses of the webhook.
        """
        self._cluster = cluster
        self._key = secret
        self._path = f"/api/v1/namespaces/{secret.namespace}/secrets"
        self._configuration = f"{_PATH}/{configuration}"
        self._names = names
        self._trusted = b""

    async def look(self, served: Served | None) -> Served:
        """The pair of the Secret, made or renewed as need be, once the API server trusts it."""
        secret = await self._read()
        material, fault = self._material(secret)
        now = dt.datetime.now(dt.UTC)
        renewed = authority.renew(material, self._names, now, self._trusted)
        if renewed != material:
            await self._write(secret, renewed)
        was_trusted = await self._trust(renewed.authorities)
        self._trusted = renewed.authorities
        if fault:
            raise BadCertificate(f"Secret {self._key}: {fault}; it has been made anew")
        if served and not was_trusted:
            # API servers learn of a new authority a moment later; the next look serves.
            return served
        return Served(renewed.certificate, renewed.key, renewed.expiry())

    async def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await self._cluster.get(f"{self._path}/{self._key.name}")
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            return {}
        return found

    def _material(self, secret: dict[str, Any]) -> tuple[Material | None, str]:
        """What the Secret holds, and why that cannot be used; neither where there is none."""
        if not secret:
            return None, ""
        data = secret.get("data") or {}
        try:
            names = ("ca.crt", "ca.key", "tls.crt", "tls.key")
            material = Material(*(base64.b64decode(data[name]) for name in names))
            authority.check(material)
        except (KeyError, ValueError) as error:
            return None, str(error) if isinstance(error, BadMaterial) else f"{error} is missing"
        return material, ""

    async def _write(self, secret: dict[str, Any], material: Material) -> None:
        content = {
            "ca.crt": material.authorities,
            "ca.key": material.authority_key,
            "tls.crt": material.certificate,
            "tls.key": material.key,
        }
        data = {name: base64.b64encode(each).decode() for name, each in content.items()}
        if secret:
            await self._cluster.replace(f"{self._path}/{self._key.name}", secret | {"data": data})
            return
        metadata = {
            "name": self._key.name,
            "namespace": self._key.namespace,
            "labels": {"app.kubernetes.io/managed-by": "double-booked-operator"},
        }
        made = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
        await self._cluster.create(self._path, made | {"metadata": metadata, "data": data})

    async def _trust(self, authorities: bytes) -> bool:
        """Has the configuration trust the authorities; answers whether it did already."""
        found = await self._cluster.get(self._configuration)
        bundle = base64.b64encode(authorities).decode()
        others = [
            each["name"]
            for each in found.get("webhooks") or ()
            if each["clientConfig"].get("caBundle") != bundle
        ]
        if not others:
            return True
        webhooks = [{"name": name, "clientConfig": {"caBundle": bundle}} for name in others]
        await self._cluster.patch(
            self._configuration, {"webhooks": webhooks}, STRATEGIC_MERGE_PATCH
        )
        structlog.get_logger().info("the webhook's authority is trusted", webhooks=others)
        return False


class WebhookTls:
    """An SSL context whose certificate follows its source; the listener is never restarted.

    Attributes:
        context: To listen with.
        expiry: When what is served ceases to be valid, in seconds since 1970; 0 before the first.
    """

    @property
    def certificate(self) -> bytes:
        """The certificate that is served, with its chain, PEM; empty before the first."""
        return self._served.certificate if self._served else b""

    def __init__(self, source: Source, metrics: Metrics) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.expiry = 0.0
        self._source = source
        self._metrics = metrics
        self._served: Served | None = None
        self._fault = ""

    async def first(self) -> None:
        """Waits until there is a certificate to serve."""
        while self._served is None:
            await self.look()
            if self._served is None:
                await asyncio.sleep(1)

    async def run(self) -> None:
        """Follows the source until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Serves what the source has now; what cannot be used is logged, counted and ignored."""
        try:
            found = await self._source.look(self._served)
            if found != self._served:
                self._serve(found)
        except BadCertificate as error:
            if str(error) != self._fault:
                self._metrics.tls_reloads.labels("failure").inc()
                structlog.get_logger().error("certificate not replaced", reason=str(error))
            self._fault = str(error)
        except ClusterError as error:
            if error.code != CONFLICT:  # else another process was quicker
                structlog.get_logger().warning(
                    "cannot see to the certificate", code=error.code, reason=str(error)
                )

    def _serve(self, pair: Served) -> None:
        is_first = self._served is None
        load_pair(self.context, pair)
        self._served = pair
        self._fault = ""
        self.expiry = pair.expiry.timestamp()
        if not is_first:
            self._metrics.tls_reloads.labels("success").inc()
        structlog.get_logger().info("certificate served", expiry=pair.expiry.isoformat())


def load_pair(context: ssl.SSLContext, pair: Served) -> None:
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
