"""TLS from files, which may be replaced while the server runs."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

import grpc
import structlog
from prometheus_client import Counter

from double_booked import certificates
from double_booked.certificates import BadCertificate, PemFile
from double_booked.settings import Settings

_LOOK_SECONDS = 2.0
"""How often to look for other files; what is found is served at the look after that."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server proves itself with, and whom it lets in.

    Attributes:
        pair: Its certificate and key.
        client_authorities: PEM; callers show a certificate of one of these. None if
            they need not show any.
    """

    pair: certificates.Pair
    client_authorities: bytes | None = field(repr=False)

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """The same for gRPC."""
        return grpc.ssl_server_certificate_configuration(
            [(self.pair.key, self.pair.certificate)], self.client_authorities
        )


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """Where an identity is read from."""

    certificate: PemFile
    key: PemFile
    client_ca: PemFile | None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The files that the settings name, if they ask for TLS."""
        if not settings.tls_cert_file:
            return None
        client_ca = settings.tls_client_ca_file
        return cls(
            PemFile(settings.tls_cert_file, "TLS_CERT_FILE"),
            PemFile(settings.tls_key_file, "TLS_KEY_FILE"),
            PemFile(client_ca, "TLS_CLIENT_CA_FILE") if client_ca else None,
        )

    def load(self) -> Identity:
        """Reads and checks the files.

        Raises:
            BadCertificate: One cannot be used.
        """
        return Identity(
            certificates.load_pair(self.certificate, self.key),
            certificates.load_authorities(self.client_ca) if self.client_ca else None,
        )


class ServerTls:
    """Credentials for a server, which follow their files.

    Only whole handshakes see a replacement; connections that are open stay as they are.
    """

    def __init__(self, files: IdentityFiles, reloads: Counter) -> None:
        """Reads the files.

        Args:
            files: What to serve, and to watch.
            reloads: Counts replacements, by result.

        Raises:
            BadCertificate: One cannot be used.
        """
        self._files = files
        self._reloads = reloads
        self._tried: Identity | str = (identity := files.load())
        self._seen: Identity | str = identity
        self._configuration = self._served = identity.configuration()

    def credentials(self) -> grpc.ServerCredentials:
        """What gRPC listens with."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self._newer_configuration,  # type: ignore[arg-type] # the stubs lack its None
            require_client_authentication=self._files.client_ca is not None,
        )

    async def watch(self) -> None:
        """Looks for replaced files until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            # In a thread, as a mounted file may keep its reader waiting.
            self._look(await asyncio.to_thread(self._load))

    def _newer_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """What new connections need, or None for no change; gRPC asks for each, one by one."""
        newest = self._configuration
        if newest is self._served:
            return None
        self._served = newest
        return newest

    def _load(self) -> Identity | str:
        try:
            return self._files.load()
        except BadCertificate as error:
            return str(error)

    def _look(self, found: Identity | str) -> None:
        # What was found only once may be half of a replacement that is still under way.
        if found == self._seen and found != self._tried:
            self._tried = found
            self._replace(found)
        self._seen = found

    def _replace(self, found: Identity | str) -> None:
        log = structlog.get_logger()
        if isinstance(found, str):
            self._reloads.labels("failure").inc()
            log.error("certificate not replaced", reason=found)
            return
        self._configuration = found.configuration()
        self._reloads.labels("success").inc()
        log.info("certificate replaced")
