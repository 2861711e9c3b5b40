"""X.509 certificates: an authority, the certificates that it signs, and a self-signed one."""

import datetime as dt
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from double_booked.tls.pem import KeyPair

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90
_SELF_SIGNED_DAYS = 3650
"""Longer than any process runs: the certificate is never renewed."""

_SKEW = dt.timedelta(hours=1)
"""How far the clock of a verifier may be behind."""

_SELF_SIGNED_SKEW = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that signs certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def new_authority(now: dt.datetime) -> Issuer:
    """Return an authority that is valid for AUTHORITY_DAYS from `now`."""
    key = _new_key()
    # The number in the name distinguishes an authority from the one before.
    subject = f"double-booked webhook authority {x509.random_serial_number() % 10**8:08}"
    validity = (now - _SKEW, now + dt.timedelta(days=AUTHORITY_DAYS))
    extensions = _extensions(key, key, is_authority=True)
    return Issuer(_sign(key, subject, validity, extensions), key)


def new_key_pair(issuer: Issuer, names: Sequence[str], now: dt.datetime) -> KeyPair:
    """Return a certificate of an authority, valid for LEAF_DAYS from `now`, and its key.

    Args:
        issuer: The authority.
        names: DNS names and IP addresses of the server.
        now: The time.
    """
    key = _new_key()
    validity = (now - _SKEW, now + dt.timedelta(days=LEAF_DAYS))
    extensions = (
        *_extensions(key, issuer.key, is_authority=False),
        subject_alternative_names(names),
    )
    return _key_pair(_sign(key, "double-booked webhook", validity, extensions, issuer), key)


def self_signed_key_pair() -> KeyPair:
    """Return a self-signed certificate, for clients that do not verify it, and its key.

    It names this host and the loopback addresses.
    """
    key = _new_key()
    now = dt.datetime.now(dt.UTC)
    validity = (now - _SELF_SIGNED_SKEW, now + dt.timedelta(days=_SELF_SIGNED_DAYS))
    names = (*dict.fromkeys(("localhost", socket.gethostname())), "127.0.0.1", "::1")
    return _key_pair(_sign(key, "double-booked", validity, [subject_alternative_names(names)]), key)


def subject_alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """Return the extension that lists DNS names and IP addresses (RFC 5280, section 4.2.1.6)."""
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM form."""
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in PEM form, without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(certificate_pem(certificate), key_pem(key), certificate.not_valid_after_utc)


def _sign(
    key: ec.EllipticCurvePrivateKey,
    subject: str,
    validity: tuple[dt.datetime, dt.datetime],
    extensions: Iterable[x509.ExtensionType],
    issuer: Issuer | None = None,
) -> x509.Certificate:
    """Return a certificate of `key`, signed by an issuer, or by `key` itself without one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    start, end = validity
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject if issuer else name, name, key.public_key()
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension in extensions:
        # RFC 5280, sections 4.2.1.3 and 4.2.1.9.
        is_critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _extensions(
    key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> tuple[x509.ExtensionType, ...]:
    return (
        x509.BasicConstraints(ca=is_authority, path_length=None),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        _key_usage(is_authority=is_authority),
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    """Return what RFC 5280, section 4.2.1.3, requires and strict verifiers check."""
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
