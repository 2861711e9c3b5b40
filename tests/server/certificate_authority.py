"""A certificate authority for tests."""

import datetime as dt
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NO_PASSWORD = NoEncryption()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(
    key: CertificateIssuerPrivateKeyTypes, encryption: KeySerializationEncryption = NO_PASSWORD
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def encrypted_key_pem() -> bytes:
    return key_pem(new_key(), BestAvailableEncryption(b"password"))


@dataclass(frozen=True, slots=True)
class Files:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates for 127.0.0.1."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def certificate(self, name: str, key: CertificateIssuerPrivateKeyTypes) -> bytes:
        """Return a certificate of `key`, which may be the authority's own key."""
        now = dt.datetime.now(dt.UTC)
        is_authority = key is self.key
        return (
            x509.CertificateBuilder()
            .subject_name(common_name(name))
            .issuer_name(common_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            # From Python 3.13 on, clients check what RFC 5280, section 4.2.1, requires.
            .add_extension(_key_usage(is_authority=is_authority), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName(name), x509.IPAddress(IPv4Address("127.0.0.1"))]
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )

    def pem(self) -> bytes:
        """Return the authority's own certificate, to be trusted."""
        return self.certificate(self.name, self.key)

    def issue(
        self, folder: Path, name: str, key: CertificateIssuerPrivateKeyTypes | None = None
    ) -> Files:
        """Write tls.crt and tls.key, named as in a Secret of Kubernetes."""
        folder.mkdir(exist_ok=True)
        files = Files(folder / "tls.crt", folder / "tls.key")
        key = key or new_key()
        files.certificate.write_bytes(self.certificate(name, key))
        files.key.write_bytes(key_pem(key))
        return files


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
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


def common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
