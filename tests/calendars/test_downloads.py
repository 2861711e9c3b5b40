"""Calendars are downloaded from real servers on this machine, within limits."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from calendars.web_site import ICS, Answer, Site, serving
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.download_cache import Cache
from double_booked.calendars.downloads import MAX_REDIRECTS, download
from double_booked.calendars.errors import InvalidCalendarError
from ports import refusing_port
from server.certificate_authority import Authority


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """Yield a site with a trusted certificate."""
    authority = Authority("trusted")
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(authority.issue(tmp_path / "server", "localhost")) as site:
        yield site


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def fault(address: str, cache: Cache, allowance: Allowance | None = None) -> str:
    with pytest.raises(InvalidCalendarError) as refused:
        download(address, allowance or Allowance(), cache)
    [only] = refused.value.faults
    return only


def test_a_calendar_is_downloaded(site: Site, cache: Cache) -> None:
    assert download(site.address(), Allowance(), cache) == ICS
    assert site.requests[0][1]["User-Agent"].startswith("double-booked/")


@pytest.mark.parametrize("scheme", ["https", "webcal", "WEBCALS"])
def test_a_calendar_is_downloaded_over_tls(secure: Site, cache: Cache, scheme: str) -> None:
    assert download(f"{scheme}://{secure.host}/anna.ics", Allowance(), cache) == ICS


def test_an_untrusted_certificate_is_rejected(
    secure: Site, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    message = fault(secure.address(), cache)
    assert message.startswith("the server's certificate is not trusted: ")
    assert not secure.requests


def test_a_certificate_of_another_host_is_rejected(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority("trusted")
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(authority.issue(tmp_path / "server", "elsewhere")) as other:
        message = fault(other.address(), cache)
    assert message.startswith("the server's certificate is not trusted: Hostname mismatch")


def test_https_needs_a_server_with_tls(site: Site, cache: Cache) -> None:
    message = fault(site.address().replace("http:", "https:"), cache)
    assert message == "the server does not speak TLS as https needs it"


def test_the_name_and_password_of_an_address_are_sent(site: Site, cache: Cache) -> None:
    download(site.address().replace("//", "//anna:s%3Acret@"), Allowance(), cache)
    assert site.requests[0][1]["Authorization"] == "Basic YW5uYTpzOmNyZXQ="


def test_compressed_content_is_unpacked(site: Site, cache: Cache) -> None:
    site.answers["/anna.ics"] = Answer(gzip.compress(ICS), headers={"Content-Encoding": "gzip"})
    assert download(site.address(), Allowance(), cache) == ICS


@pytest.mark.parametrize("packed", [False, True])
def test_the_allowance_counts_unpacked_bytes(site: Site, cache: Cache, *, packed: bool) -> None:
    body, headers = bytes(10_000_000), {}
    if packed:
        body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    site.answers["/anna.ics"] = Answer(body, headers=headers)
    with pytest.raises(TooLargeError, match="more than 1000000 bytes in all; --max-bytes"):
        download(site.address(), Allowance(1_000_000), cache)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            Answer(status=401),
            "the server wants a name and a password: https://NAME:PASSWORD@... (401)",
        ),
        (Answer(status=403), "the server forbids access; check the secret in the address (403)"),
        (Answer(status=404), "the server has no calendar at this address (404)"),
        (Answer(status=410), "the server has no calendar at this address any more (410)"),
        (Answer(status=500), "the server does not answer with a calendar (500)"),
        (Answer(status=206), "the server does not answer with a calendar (206)"),
        (Answer(b"", 304), "the server does not answer with a calendar (304)"),
        (
            Answer(b"\n<!DOCTYPE html><title>Log in</title>"),
            "the answer is a web page; copy the address of the calendar itself (iCal, .ics)",
        ),
        (
            Answer(b"<HTML lang=en>"),
            "the answer is a web page; copy the address of the calendar itself (iCal, .ics)",
        ),
        (
            Answer(headers={"Content-Encoding": "br"}),
            "the answer is compressed with br, not with gzip",
        ),
        (
            Answer(headers={"Content-Encoding": "gzip"}),
            "the answer is not compressed with gzip, as its header says",
        ),
        (
            Answer(gzip.compress(ICS)[:-8], headers={"Content-Encoding": "gzip"}),
            "the answer is cut off",
        ),
        (Answer(status=302), "the server redirects to something that is not a web address"),
        (
            Answer(status=302, headers={"Location": "file:///etc/passwd"}),
            "the server redirects to something that is not a web address",
        ),
        (
            Answer(status=302, headers={"Location": "/anna.ics"}),
            f"the server redirects more than {MAX_REDIRECTS} times",
        ),
    ],
)
def test_an_answer_without_a_calendar_is_reported(
    site: Site, cache: Cache, answer: Answer, message: str
) -> None:
    site.answers["/anna.ics"] = answer
    assert fault(site.address("/anna.ics?token=secret"), cache) == message


def test_redirects_keep_the_password_on_its_host(site: Site, cache: Cache) -> None:
    for number in range(MAX_REDIRECTS):
        target = f"/{number + 1}" if number < MAX_REDIRECTS - 1 else "/anna.ics"
        site.answers[f"/{number}"] = Answer(b"", 301 + number % 2, {"Location": target})
    address = site.address("/0").replace("//", "//anna:secret@")
    assert download(address, Allowance(), cache) == ICS
    assert all("Authorization" in headers for _, headers in site.requests)


def test_a_redirect_to_another_host_gets_no_password(site: Site, cache: Cache) -> None:
    with serving() as other:
        site.answers["/moved"] = Answer(b"", 307, {"Location": other.address()})
        address = site.address("/moved").replace("//", "//anna:secret@")
        assert download(address, Allowance(), cache) == ICS
        assert "Authorization" not in other.requests[0][1]


def test_a_redirect_to_https_is_followed_but_not_back(
    site: Site, secure: Site, cache: Cache
) -> None:
    site.answers["/up"] = Answer(b"", 301, {"Location": secure.address()})
    secure.answers["/down"] = Answer(b"", 301, {"Location": site.address()})
    assert download(site.address("/up"), Allowance(), cache) == ICS
    message = fault(secure.address("/down"), cache)
    assert message == "the server redirects from https to http, which anyone can read"


@pytest.mark.parametrize(
    ("sent", "condition"),
    [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")],
)
def test_an_unchanged_calendar_comes_from_the_cache(
    site: Site, cache: Cache, sent: str, condition: str
) -> None:
    site.answers["/anna.ics"] = Answer(headers={sent: "state 1"})
    download(site.address(), Allowance(), cache)
    site.answers["/anna.ics"] = Answer(b"", 304)
    assert download(site.address(), Allowance(), cache) == ICS
    assert site.requests[1][1][condition] == "state 1"
    with pytest.raises(TooLargeError):
        download(site.address(), Allowance(len(ICS) - 1), cache)


@pytest.mark.parametrize("headers", [{}, {"ETag": "1", "Cache-Control": "private, No-Store"}])
def test_content_without_validators_or_with_no_store_is_not_kept(
    site: Site, tmp_path: Path, headers: dict[str, str]
) -> None:
    site.answers["/anna.ics"] = Answer(headers=headers)
    download(site.address(), Allowance(), Cache(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_download_times_out(site: Site, cache: Cache) -> None:
    site.answers["/anna.ics"] = Answer(length=len(ICS) + 1)
    with pytest.raises(InvalidCalendarError, match=r"no complete answer within 0.2 s"):
        download(site.address(), Allowance(), cache, 0.2)


def test_an_unreachable_server_is_reported(cache: Cache) -> None:
    with refusing_port() as port:
        message = fault(f"http://127.0.0.1:{port}/anna.ics", cache)
    assert message == "the server cannot be reached: Connection refused"


def test_an_unknown_host_is_reported(cache: Cache) -> None:
    message = fault("https://nobody.invalid/anna.ics", cache)
    assert message == "the name of the host is not known; check the address and the network"
