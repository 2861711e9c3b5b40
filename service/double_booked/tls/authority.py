"""The certificate authority of the webhook, and the certificates that it issues: pure functions."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90
_SKEW = dt.timedelta(hours=1)
"""How far behind a clock may be that checks a new certificate."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the webhook proves itself with; all PEM.

    Attributes:
        authorities: Certificates of authorities to trust, the newest first: while it changes, the
            one before too.
        authority_key: The key of the first.
        certificate: The webhook's own.
        key: Its key.
    """

    authorities: bytes
    authority_key: bytes = field(repr=False)
    certificate: bytes
    key: bytes = field(repr=False)

    def expiry(self) -> dt.datetime:
        """When the webhook's certificate ceases to be valid."""
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc


class InvalidBundleError(ValueError):
    """What is kept is no such material; the message says why."""


def check(material: Material) -> None:
    """Makes sure that the parts belong together.

    Raises:
        InvalidBundleError: They do not, or are no PEM.
    """
    try:
        issuer = x509.load_pem_x509_certificates(material.authorities)[0]
        leaf = x509.load_pem_x509_certificate(material.certificate)
        pairs = ((issuer, material.authority_key), (leaf, material.key))
        for certificate, key in pairs:
            loaded = load_pem_private_key(key, password=None)
            if loaded.public_key() != certificate.public_key():
                raise InvalidBundleError("a key is not that of its certificate")
    except (ValueError, TypeError) as error:
        raise InvalidBundleError(f"it holds no usable certificate or key: {error}") from error


def renew(
    material: Material | None, names: Sequence[str], now: dt.datetime, trusted: bytes = b""
) -> Material:
    """The same material, or what is to take its place.

    An authority and a certificate are renewed at two thirds of their life.

    Args:
        material: What there is, checked; None to begin anew.
        names: DNS names and IP addresses of the webhook.
        now: The time.
        trusted: Authorities that still prove what is being served.
    """
    if material is None or _is_due(_first(material.authorities), now):
        key = ec.generate_private_key(ec.SECP256R1())
        authority = _sign(key, key, None, (), now)
        before = material.authorities if material else trusted
        material = Material(_pem(authority) + _unexpired(before, now), _key_pem(key), b"", b"")
    elif len(kept := _pem(_first(material.authorities)) + _unexpired(_rest(material), now)) < len(
        material.authorities
    ):
        material = Material(kept, material.authority_key, material.certificate, material.key)
    if _needs_leaf(material, names, now):
        return _issue(material, names, now)
    return material


def _needs_leaf(material: Material, names: Sequence[str], now: dt.datetime) -> bool:
    if not material.certificate:
        return True
    leaf = x509.load_pem_x509_certificate(material.certificate)
    try:
        leaf.verify_directly_issued_by(_first(material.authorities))
    except (ValueError, InvalidSignature):
        return True
    told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return _is_due(leaf, now) or told != _alternative_names(names)


def _issue(material: Material, names: Sequence[str], now: dt.datetime) -> Material:
    authority_key = load_pem_private_key(material.authority_key, password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise InvalidBundleError("the authority's key is of another kind")
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _sign(key, authority_key, _first(material.authorities), names, now)
    return Material(material.authorities, material.authority_key, _pem(leaf), _key_pem(key))


def _sign(
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    names: Sequence[str],
    now: dt.datetime,
) -> x509.Certificate:
    """A certificate; without an issuer that of an authority, signed by itself."""
    # A number in the name tells an authority from the one before.
    common = f"double-booked webhook authority {x509.random_serial_number() % 10**8:08}"
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    if issuer:
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "double-booked webhook")])
    days = LEAF_DAYS if issuer else AUTHORITY_DAYS
    builder = (
        x509.CertificateBuilder(issuer.subject if issuer else own, own, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_key_usage(is_authority=issuer is None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(_alternative_names(names), critical=False)
    return builder.sign(by, hashes.SHA256())


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    """What RFC 5280, 4.2.1.3, wants said, and strict verifiers insist on."""
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


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_due(certificate: x509.Certificate, now: dt.datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * 2 / 3


def _first(authorities: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(authorities)[0]


def _rest(material: Material) -> bytes:
    return b"".join(map(_pem, x509.load_pem_x509_certificates(material.authorities)[1:]))


def _unexpired(authorities: bytes, now: dt.datetime) -> bytes:
    if not authorities.strip():
        return b""
    found = x509.load_pem_x509_certificates(authorities)
    return b"".join(_pem(each) for each in found if each.not_valid_after_utc > now)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
