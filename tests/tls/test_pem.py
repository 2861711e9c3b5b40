"""Certificates and keys are accepted exactly if gRPC can serve them."""

import datetime as dt
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from double_booked.tls.issue import self_signed_key_pair
from double_booked.tls.pem import (
    SUPPORTED_KEYS,
    CertificateError,
    KeyPair,
    PemFile,
    load_authorities,
    load_key_pair,
)
from server.certificate_authority import Authority, Files

AUTHORITY = Authority("authority")
NOW = dt.datetime.now(dt.UTC)


def load(files: Files) -> KeyPair:
    return load_key_pair(PemFile(str(files.certificate), "cert"), PemFile(str(files.key), "key"))


def is_served(pair: KeyPair) -> bool:
    """Return whether gRPC itself can serve a key pair."""
    server = grpc.server(None)
    try:
        credentials = grpc.ssl_server_credentials([(pair.key, pair.certificate)])
        return bool(server.add_secure_port("127.0.0.1:0", credentials))
    except RuntimeError:
        return False
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "P-521", "Ed25519", "RSA 2048"],
)
def test_supported_key_is_served_by_grpc(
    key: CertificateIssuerPrivateKeyTypes, tmp_path: Path
) -> None:
    pair = load(AUTHORITY.issue(tmp_path / "pair", "server", key))
    assert is_served(pair)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(2048),
    ],
    ids=["secp256k1", "P-224", "Ed448", "DSA"],
)
def test_unsupported_key_is_rejected_before_grpc_sees_it(
    key: CertificateIssuerPrivateKeyTypes, tmp_path: Path
) -> None:
    files = AUTHORITY.issue(tmp_path / "pair", "server", key)
    with pytest.raises(CertificateError) as refused:
        load(files)
    reason = f"gRPC serves no key of this kind; it takes {SUPPORTED_KEYS}"
    assert str(refused.value) == f"cannot use {files.key} (key): {reason}"
    assert not is_served(KeyPair(files.certificate.read_bytes(), files.key.read_bytes(), NOW))


def test_self_signed_key_pair_is_served_by_grpc() -> None:
    assert is_served(self_signed_key_pair())


def test_chain_with_text_around_its_certificates_is_accepted(tmp_path: Path) -> None:
    files = AUTHORITY.issue(tmp_path / "pair", "server")
    chain = b"subject=/CN=\xc3\xa4\n" + files.certificate.read_bytes() + AUTHORITY.pem()
    files.certificate.write_bytes(chain)
    assert load(files).certificate == chain
    assert load_authorities(PemFile(str(files.certificate), "ca")) == chain


def test_chain_that_ends_in_garbage_is_rejected(tmp_path: Path) -> None:
    files = AUTHORITY.issue(tmp_path / "pair", "server")
    half = AUTHORITY.pem()[:200] + b"\n-----END CERTIFICATE-----\n"
    files.certificate.write_bytes(files.certificate.read_bytes() + half)
    with pytest.raises(CertificateError, match="holds no certificate in PEM form"):
        load(files)
