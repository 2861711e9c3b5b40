"""PEM files of certificates and keys, checked before gRPC reads them: gRPC reports no reasons."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SUPPORTED_KEYS = "RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519"
"""The kinds of keys that gRPC can serve; OpenSSL supports more."""

_MIN_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


class CertificateError(Exception):
    """A certificate or key cannot be used; the message names the file, its setting and why."""


@dataclass(frozen=True, slots=True)
class PemFile:
    """A file with PEM text.

    Attributes:
        path: Path of the file, which may be replaced at any time.
        option: Setting or flag that names the file, for errors.
    """

    path: str
    option: str

    def read(self) -> bytes:
        """Return the content of the file.

        Raises:
            CertificateError: The file cannot be read.
        """
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise self.error(error.strerror or str(error)) from error

    def error(self, reason: str) -> CertificateError:
        """Return the error that says why this file cannot be used."""
        return CertificateError(f"cannot use {self.path} ({self.option}): {reason}")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its private key.

    Attributes:
        certificate: The certificate, followed by the chain up to its authority, PEM.
        key: The private key, PEM.
        expiry: When the certificate ceases to be valid.
    """

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    expiry: dt.datetime


def load_authorities(file: PemFile) -> bytes:
    """Return the certificates of the authorities to trust, PEM.

    Raises:
        CertificateError: The file cannot be read, or holds no certificate.
    """
    content = file.read()
    _parse_certificates(content, file)
    return content


def load_key_pair(certificate: PemFile, key: PemFile) -> KeyPair:
    """Return the certificate and private key of two files.

    Raises:
        CertificateError: A file cannot be read or used. The key is encrypted, belongs to another
            certificate, or is of a kind that gRPC cannot serve.
    """
    chain, key_content = certificate.read(), key.read()
    leaf = _parse_certificates(chain, certificate)[0]
    private_key = _parse_key(key_content, key)
    if private_key.public_key() != leaf.public_key():
        raise key.error(f"the key is not that of the certificate in {certificate.path}")
    if not _is_supported(private_key):
        raise key.error(f"gRPC serves no key of this kind; it takes {SUPPORTED_KEYS}")
    return KeyPair(chain, key_content, leaf.not_valid_after_utc)


def _parse_certificates(content: bytes, file: PemFile) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise file.error("it holds no certificate in PEM form") from error


def _parse_key(content: bytes, file: PemFile) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError as error:
        reason = "the key is encrypted; the file must hold it without a password"
        raise file.error(reason) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise file.error("it holds no private key in PEM form") from error


def _is_supported(key: PrivateKeyTypes) -> bool:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, _CURVES)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size >= _MIN_RSA_BITS
    return isinstance(key, ed25519.Ed25519PrivateKey)
