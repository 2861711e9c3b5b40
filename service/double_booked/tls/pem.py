"""PEM files of certificates and keys, checked before gRPC gets them: it tells no reasons."""

import datetime as dt
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

KEYS_TAKEN = "RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519"
"""The kinds of keys that gRPC serves; OpenSSL knows more."""

_MIN_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_SELF_SIGNED_DAYS = 3650


class CertificateError(Exception):
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
            CertificateError: The file cannot be read.
        """
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise self.fault(error.strerror or str(error)) from error

    def fault(self, reason: str) -> CertificateError:
        """The error that this file cannot be used."""
        return CertificateError(f"cannot use {self.path} ({self.option}): {reason}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with the chain that proves it, and its private key, both PEM.

    Attributes:
        expiry: When the certificate itself ceases to be valid.
    """

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    expiry: dt.datetime


def load_authorities(file: PemFile) -> bytes:
    """Reads the certificates of authorities to trust.

    Raises:
        CertificateError: The file cannot be read, or holds no certificate.
    """
    content = file.read()
    _certificates(content, file)
    return content


def load_pair(certificate: PemFile, key: PemFile) -> Pair:
    """Reads a certificate and its private key.

    Raises:
        CertificateError: A file cannot be read or used, the key is encrypted, that of
            another certificate, or of a kind that gRPC does not serve.
    """
    chain, key_content = certificate.read(), key.read()
    leaf = _certificates(chain, certificate)[0]
    private_key = _private_key(key_content, key)
    if private_key.public_key() != leaf.public_key():
        raise key.fault(f"the key is not that of the certificate in {certificate.path}")
    if not _is_taken(private_key):
        raise key.fault(f"gRPC serves no key of this kind; it takes {KEYS_TAKEN}")
    return Pair(chain, key_content, leaf.not_valid_after_utc)


def _certificates(content: bytes, file: PemFile) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise file.fault("it holds no certificate in PEM form") from error


def _private_key(content: bytes, file: PemFile) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError as error:
        reason = "the key is encrypted; the file must hold it without a password"
        raise file.fault(reason) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise file.fault("it holds no private key in PEM form") from error


def _is_taken(key: PrivateKeyTypes) -> bool:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, _CURVES)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size >= _MIN_RSA_BITS
    return isinstance(key, ed25519.Ed25519PrivateKey)


def self_signed_pair() -> Pair:
    """Makes a certificate that proves nothing, for callers who verify none.

    It names this host and loopback, and outlives any process.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "double-booked")])
    now = dt.datetime.now(dt.UTC)
    expiry = now + dt.timedelta(days=_SELF_SIGNED_DAYS)
    names = [
        *(x509.DNSName(name) for name in dict.fromkeys(("localhost", host))),
        *(x509.IPAddress(address) for address in (IPv4Address("127.0.0.1"), IPv6Address("::1"))),
    ]
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        # Callers' clocks may be behind.
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(expiry)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.public_bytes(Encoding.PEM), private, expiry)
