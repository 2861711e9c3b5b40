"""The webhook's authority and certificates over their lives."""

import datetime as dt
from dataclasses import replace

import pytest
from cryptography import x509

from double_booked.tls.authority import (
    CertificateBundle,
    InvalidBundleError,
    check,
    ensure_fresh,
)
from double_booked.tls.issue import AUTHORITY_DAYS, LEAF_DAYS

NAMES = ("operator.team.svc", "127.0.0.1")
NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def after(days: float) -> dt.datetime:
    return NOW + dt.timedelta(days=days)


def authorities(bundle: CertificateBundle) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle.authorities)


def leaf(bundle: CertificateBundle) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bundle.certificate)


@pytest.fixture(scope="module")
def first() -> CertificateBundle:
    return ensure_fresh(None, NAMES, NOW)


def test_first_certificate_is_issued_by_the_authority_and_names_the_webhook(
    first: CertificateBundle,
) -> None:
    check(first)
    [authority] = authorities(first)
    leaf(first).verify_directly_issued_by(authority)
    names = leaf(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["operator.team.svc"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_repr_of_a_bundle_has_no_keys(first: CertificateBundle) -> None:
    assert "PRIVATE" not in repr(first)


def test_bundle_is_unchanged_until_two_thirds_of_its_life(first: CertificateBundle) -> None:
    assert ensure_fresh(first, NAMES, after(LEAF_DAYS * 2 / 3 - 1)) == first


def test_certificate_is_renewed_at_two_thirds_of_its_life_by_the_same_authority(
    first: CertificateBundle,
) -> None:
    renewed = ensure_fresh(first, NAMES, after(LEAF_DAYS * 2 / 3 + 1))
    assert renewed.authorities == first.authorities
    assert renewed.certificate != first.certificate
    assert renewed.key_pair().expiry > first.key_pair().expiry
    check(renewed)


def test_changed_names_need_a_new_certificate(first: CertificateBundle) -> None:
    renewed = ensure_fresh(first, ("elsewhere.team.svc",), NOW)
    assert renewed.authorities == first.authorities
    assert renewed.certificate != first.certificate


def test_authority_is_replaced_at_two_thirds_of_its_life_and_stays_trusted(
    first: CertificateBundle,
) -> None:
    later = after(AUTHORITY_DAYS * 2 / 3 + 1)
    renewed = ensure_fresh(first, NAMES, later)
    newest, before = authorities(renewed)
    assert before == authorities(first)[0]
    leaf(renewed).verify_directly_issued_by(newest)
    check(renewed)
    # Once it has expired, it is no longer trusted.
    much_later = ensure_fresh(renewed, NAMES, after(AUTHORITY_DAYS + 1))
    assert authorities(much_later) == [newest]


def test_first_bundle_trusts_the_authorities_of_the_served_certificate(
    first: CertificateBundle,
) -> None:
    new = ensure_fresh(None, NAMES, NOW, first.authorities)
    assert authorities(new)[1:] == authorities(first)


@pytest.mark.parametrize(
    "broken",
    [
        {"certificate": b"no PEM"},
        {"authorities": b""},
        {"key": b"no key"},
        {"authority_key": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"},
    ],
)
def test_check_reports_a_broken_part(first: CertificateBundle, broken: dict[str, bytes]) -> None:
    with pytest.raises(InvalidBundleError, match="no usable certificate or key"):
        check(replace(first, **broken))


def test_check_reports_the_key_of_another_certificate(first: CertificateBundle) -> None:
    with pytest.raises(InvalidBundleError, match="not that of its certificate"):
        check(replace(first, key=ensure_fresh(None, NAMES, NOW).key))
