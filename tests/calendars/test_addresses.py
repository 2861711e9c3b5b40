"""Addresses are compared in a normal form."""

import pytest

from double_booked.calendars.addresses import normalize_address


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.org",
        "mailto:anna@example.org",
        "MAILTO:Anna@Example.org",
        " mailto: anna@example.org ",
        "mailto:<anna@example.org>",
        "mailto:mailto:anna@example.org",
        "mailto:anna%40example.org",
        '"mailto:anna@example.org"',
    ],
)
def test_an_address_is_equal_in_every_notation(text: str) -> None:
    assert normalize_address(text) == "anna@example.org"


@pytest.mark.parametrize(
    "text", ["", " ", "mailto:", "MAILTO: ", "invalid:nomail", "Invalid:x", "mailto:invalid:nomail"]
)
def test_a_placeholder_is_not_an_address(text: str) -> None:
    assert not normalize_address(text)


def test_an_address_other_than_mail_is_kept() -> None:
    assert normalize_address("urn:uuid:7F") == "urn:uuid:7f"
    assert normalize_address("/aMTQ/principal/") == "/amtq/principal/"
