"""Certificate authority and certificate of the webhook, renewed over time, as pure functions."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from double_booked.tls.issue import (
    Issuer,
    certificate_pem,
    key_pem,
    new_authority,
    new_key_pair,
    subject_alternative_names,
)
from double_booked.tls.pem import KeyPair


@dataclass(frozen=True, slots=True)
class CertificateBundle:
    """An authority and the certificate that it issued to the webhook, all in PEM form.

    Attributes:
        authorities: Certificates of the authorities to trust, the newest first. While an authority
            is being replaced, its predecessor is among them.
        authority_key: Private key of the newest authority.
        certificate: Certificate of the webhook; empty before it is issued.
        key: Private key of the webhook's certificate.
    """

    authorities: bytes
    authority_key: bytes = field(repr=False)
    certificate: bytes
    key: bytes = field(repr=False)

    def key_pair(self) -> KeyPair:
        """Return the webhook's certificate and key."""
        leaf = x509.load_pem_x509_certificate(self.certificate)
        return KeyPair(self.certificate, self.key, leaf.not_valid_after_utc)


class InvalidBundleError(ValueError):
    """A certificate bundle cannot be used; the message says why."""


def check(bundle: CertificateBundle) -> None:
    """Check that the keys of a bundle belong to its certificates.

    Raises:
        InvalidBundleError: They do not, or a part is not in PEM form.
    """
    try:
        issuer = x509.load_pem_x509_certificates(bundle.authorities)[0]
        leaf = x509.load_pem_x509_certificate(bundle.certificate)
        pairs = ((issuer, bundle.authority_key), (leaf, bundle.key))
        for certificate, key in pairs:
            loaded = load_pem_private_key(key, password=None)
            if loaded.public_key() != certificate.public_key():
                raise InvalidBundleError("a key is not that of its certificate")
    except (ValueError, TypeError) as error:
        raise InvalidBundleError(f"it holds no usable certificate or key: {error}") from error


def ensure_fresh(
    bundle: CertificateBundle | None, names: Sequence[str], now: dt.datetime, trusted: bytes = b""
) -> CertificateBundle:
    """Return the bundle itself, or its successor if the authority or certificate must be renewed.

    Both are renewed at two thirds of their life.

    Args:
        bundle: The checked bundle so far; None to create the first.
        names: DNS names and IP addresses of the webhook.
        now: The time.
        trusted: Authorities (PEM) of the certificate that is being served, for a first bundle.
    """
    if bundle is None or _is_due(_first(bundle.authorities), now):
        bundle = _with_new_authority(bundle.authorities if bundle else trusted, now)
    else:
        bundle = _without_expired_authorities(bundle, now)
    if not _needs_certificate(bundle, names, now):
        return bundle
    pair = new_key_pair(_issuer(bundle), names, now)
    return replace(bundle, certificate=pair.certificate, key=pair.key)


def _with_new_authority(trusted: bytes, now: dt.datetime) -> CertificateBundle:
    """Return a bundle without a certificate yet, whose predecessors stay trusted."""
    authority = new_authority(now)
    authorities = certificate_pem(authority.certificate) + _unexpired(trusted, now)
    return CertificateBundle(authorities, key_pem(authority.key), b"", b"")


def _without_expired_authorities(bundle: CertificateBundle, now: dt.datetime) -> CertificateBundle:
    first, *others = x509.load_pem_x509_certificates(bundle.authorities)
    others_pem = b"".join(map(certificate_pem, others))
    authorities = certificate_pem(first) + _unexpired(others_pem, now)
    is_shorter = len(authorities) < len(bundle.authorities)
    return replace(bundle, authorities=authorities) if is_shorter else bundle


def _needs_certificate(bundle: CertificateBundle, names: Sequence[str], now: dt.datetime) -> bool:
    if not bundle.certificate:
        return True
    leaf = x509.load_pem_x509_certificate(bundle.certificate)
    try:
        leaf.verify_directly_issued_by(_first(bundle.authorities))
    except (ValueError, InvalidSignature):
        return True
    named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _is_due(leaf, now) or named != subject_alternative_names(names)


def _issuer(bundle: CertificateBundle) -> Issuer:
    key = load_pem_private_key(bundle.authority_key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidBundleError("the authority's key is of another kind")
    return Issuer(_first(bundle.authorities), key)


def _is_due(certificate: x509.Certificate, now: dt.datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * 2 / 3


def _first(authorities: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(authorities)[0]


def _unexpired(authorities: bytes, now: dt.datetime) -> bytes:
    if not authorities.strip():
        return b""
    certificates = x509.load_pem_x509_certificates(authorities)
    unexpired = [issuer for issuer in certificates if issuer.not_valid_after_utc > now]
    return b"".join(map(certificate_pem, unexpired))
