"""PEM files of certificates and keys, checked before gRPC gets them: it tells no reasons."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never

_OTHER_KEY = {"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}
"""What OpenSSL says of another key, and of one of another kind."""


class BadCertificate(Exception):  # noqa: N818 - it reads as what it says
    """A file of TLS cannot be used; the message says which, whose and why."""


@dataclass(frozen=True, slots=True)
class PemFile:
    """Where PEM text is.

    Attributes:
        path: The file; it may be replaced at any time.
        option: The setting or flag that names it, for errors.
    """

    path: str
    option: str

    def read(self) -> bytes:
        """Its content.

        Raises:
            BadCertificate: The file cannot be read.
        """
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise self.fault(error.strerror or str(error)) from error

    def fault(self, reason: str) -> BadCertificate:
        """The error that this file cannot be used."""
        return BadCertificate(f"cannot use {self.path} ({self.option}): {reason}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with the chain that proves it, and its private key, both PEM."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerFiles:
    """What a caller needs for TLS.

    Attributes:
        ca: Authorities that prove the service.
        certificate: What proves the caller, where the service asks for that.
        key: Its private key; there if the certificate is.
    """

    ca: PemFile
    certificate: PemFile | None
    key: PemFile | None


def load_authorities(file: PemFile) -> bytes:
    """Reads the certificates of authorities to trust.

    Raises:
        BadCertificate: The file cannot be read, or holds no certificate.
    """
    content = file.read()
    try:
        # Around the PEM blocks stands any text; this function of ssl takes ASCII.
        text = content.decode("ascii", "ignore")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise file.fault("it holds no certificate in PEM form") from error
    return content


def load_pair(certificate: PemFile, key: PemFile) -> Pair:
    """Reads a certificate and its private key.

    Raises:
        BadCertificate: A file cannot be read or used, the key is encrypted or that
            of another certificate, or the files change meanwhile.
    """
    pair = Pair(load_authorities(certificate), key.read())
    _check_pair(certificate, key)
    # ssl reads files itself, so what it checked is sure only if they are still the same.
    if pair != Pair(certificate.read(), key.read()):
        raise certificate.fault("it is being replaced")
    return pair


def _check_pair(certificate: PemFile, key: PemFile) -> None:
    def refuse_password() -> Never:
        raise key.fault("the key is encrypted; the file must hold it without a password")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.path, key.path, refuse_password)
    except ssl.SSLError as error:
        raise _pair_fault(certificate, key, error.reason) from error
    except OSError as error:
        raise certificate.fault(error.strerror or str(error)) from error


def _pair_fault(certificate: PemFile, key: PemFile, reason: str | None) -> BadCertificate:
    if reason in _OTHER_KEY:
        return key.fault(f"the key is not that of the certificate in {certificate.path}")
    if reason:
        return certificate.fault(reason.lower().replace("_", " "))
    return key.fault("it holds no private key in PEM form")
