"""Web addresses are distinguished from paths, and shown without secrets."""

import pytest

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.web_addresses import is_address, resource_of, show_address, to_http


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("https://example.org/a.ics", True),
        ("HTTP://example.org", True),
        ("webcal://example.org/a.ics", True),
        ("webcals://example.org/a.ics", True),
        ("ftp://example.org/a.ics", False),
        ("https", False),
        ("https:/a.ics", False),
        ("a.ics", False),
        ("-", False),
    ],
)
def test_an_address_begins_with_its_scheme(path: str, *, expected: bool) -> None:
    assert is_address(path) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("webcal://example.org/a?b=c", "https://example.org/a?b=c"),
        ("WebCals://example.org:444/a", "https://example.org:444/a"),
        ("http://example.org/a", "http://example.org/a"),
    ],
)
def test_webcal_means_https(address: str, expected: str) -> None:
    assert to_http(address) == expected


@pytest.mark.parametrize(
    "address", ["https://", "https:///a", "https://a:0/", "https://a:port/", "https://[::1/a"]
)
def test_an_address_without_a_host_is_rejected(address: str) -> None:
    with pytest.raises(InvalidCalendarError, match="the address has no host, or an invalid port"):
        to_http(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://anna:secret@example.org:444/c/a.ics?key=secret#secret",
        "webcal://example.org/c/a.ics",
    ],
)
def test_an_address_is_shown_without_secrets(address: str) -> None:
    assert show_address(address) == "example.org/c/a.ics"


def test_an_invalid_address_is_hidden() -> None:
    assert show_address("https://anna:secret@[x/") == "https://..."
    assert resource_of("https://anna:secret@[x/") == "https://..."


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org/c/anna.ics?key=1", "anna"),
        ("https://example.org/c/Room%201/", "Room 1"),
        ("https://example.org/anna%40example.org.ics", "anna@example.org"),
        ("https://anna:secret@example.org/", "example.org"),
        ("webcal://example.org", "example.org"),
    ],
)
def test_a_resource_is_named_by_the_end_of_the_path(address: str, expected: str) -> None:
    assert resource_of(address) == expected
