"""Download calendars from the web, with limits of size and time."""

import asyncio
import os
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus

import aiohttp
from yarl import URL

from double_booked.calendars.allowance import Allowance
from double_booked.calendars.download_cache import Cache, Validators, cache_folder
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.web_addresses import to_http
from double_booked.runtime.version import VERSION

MAX_SECONDS = 30.0
"""Maximum duration of a download, redirects included."""

MAX_REDIRECTS = 5

_CHUNK = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {
    "Accept": "text/calendar, application/calendar+json, text/csv, application/json, */*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": f"double-booked/{VERSION}",
}
_UNREACHABLE = "the server cannot be reached"
_ERRORS: Sequence[tuple[type[Exception], str]] = (
    (
        aiohttp.ClientConnectorDNSError,
        "the name of the host is not known; check the address and the network",
    ),
    (aiohttp.ClientSSLError, "the server does not speak TLS as https needs it"),
    (aiohttp.ClientPayloadError, "the answer is cut off"),
    (aiohttp.ClientOSError, _UNREACHABLE),
    (zlib.error, "the answer is not compressed with gzip, as its header says"),
    (aiohttp.ClientError, "the server does not answer as a web server does"),
)
_REFUSALS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the server wants a name and a password: https://NAME:PASSWORD@...",
    HTTPStatus.FORBIDDEN: "the server forbids access; check the secret in the address",
    HTTPStatus.NOT_FOUND: "the server has no calendar at this address",
    HTTPStatus.GONE: "the server has no calendar at this address any more",
}


def download(
    address: str,
    allowance: Allowance,
    cache: Cache | None = None,
    max_seconds: float = MAX_SECONDS,
) -> bytes:
    """Return the content of an address, from the cache if it has not changed.

    Args:
        address: An address that `web_addresses.is_address` accepts.
        allowance: The bytes that the unpacked content may have.
        cache: Keeps the last content; by default in the user's cache folder.
        max_seconds: Maximum duration of the download.

    Raises:
        InvalidCalendarError: The server does not answer with content, or the content is a web page.
        TooLargeError: The allowance is used up.
    """
    downloading = _download(
        to_http(address), allowance, cache or Cache(cache_folder()), max_seconds
    )
    try:
        content = asyncio.run(downloading)
    except InvalidCalendarError:
        raise
    except TimeoutError as error:
        raise InvalidCalendarError([f"no complete answer within {max_seconds:g} s"]) from error
    except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
        raise InvalidCalendarError([_describe(error)]) from error
    if _PAGE.match(content):
        fault = "the answer is a web page; copy the address of the calendar itself (iCal, .ics)"
        raise InvalidCalendarError([fault])
    return content


async def _download(address: str, allowance: Allowance, cache: Cache, max_seconds: float) -> bytes:
    cached = cache.find(address)
    async with (
        asyncio.timeout(max_seconds),
        _session() as session,
        await _ask(session, URL(address), cached[0] if cached else None) as response,
    ):
        if cached and response.status == HTTPStatus.NOT_MODIFIED:
            allowance.take(len(cached[1]))
            return cached[1]
        if response.status != HTTPStatus.OK:
            raise InvalidCalendarError([_refusal(response)])
        content = b"".join([piece async for piece in _unpacked(response, allowance)])
    _keep(cache, address, response, content)
    return content


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    return aiohttp.ClientSession(
        connector=connector,
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(),  # none: the whole download has a timeout
        auto_decompress=False,  # so that unpacked bytes count against the allowance in time
        trust_env=True,  # for the proxies of the environment
    )


async def _ask(
    session: aiohttp.ClientSession, url: URL, validators: Validators | None
) -> aiohttp.ClientResponse:
    """Return the response at the end of all redirects.

    Raises:
        InvalidCalendarError: There are too many redirects, or one leads away from https.
    """
    headers = _conditions(validators)
    for _ in range(MAX_REDIRECTS + 1):
        response = await session.get(url, headers=headers, allow_redirects=False)
        if response.status not in _REDIRECTS:
            return response
        response.close()
        url = _redirected(url, response.headers.get("Location", ""))
    raise InvalidCalendarError([f"the server redirects more than {MAX_REDIRECTS} times"])


def _conditions(validators: Validators | None) -> dict[str, str]:
    if not validators:
        return {}
    headers = {"If-None-Match": validators.etag, "If-Modified-Since": validators.modified}
    return {name: value for name, value in headers.items() if value}


def _redirected(url: URL, location: str) -> URL:
    """Return the target of a redirect; name and password are sent only to their own host."""
    target = url.join(URL(location))
    if not location or target.scheme not in {"http", "https"} or not target.host:
        raise InvalidCalendarError(["the server redirects to something that is not a web address"])
    if url.scheme == "https" and target.scheme == "http":
        raise InvalidCalendarError(
            ["the server redirects from https to http, which anyone can read"]
        )
    if target.origin() == url.origin() and target.user is None:
        return target.with_user(url.user).with_password(url.password)
    return target


async def _unpacked(response: aiohttp.ClientResponse, allowance: Allowance) -> AsyncIterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise InvalidCalendarError([f"the answer is compressed with {encoding}, not with gzip"])
    unpacker = None if encoding == "identity" else zlib.decompressobj(_GZIP)
    async for packed in response.content.iter_chunked(_CHUNK):
        rest = packed
        while rest:
            piece, rest = rest, b""
            if unpacker:
                piece = unpacker.decompress(piece, _CHUNK)
                rest = unpacker.unconsumed_tail
            allowance.take(len(piece))
            yield piece
    if unpacker and not unpacker.eof:
        raise InvalidCalendarError(["the answer is cut off"])


def _keep(cache: Cache, address: str, response: aiohttp.ClientResponse, content: bytes) -> None:
    headers = response.headers
    validators = Validators(headers.get("ETag", ""), headers.get("Last-Modified", ""))
    if validators != Validators() and "no-store" not in headers.get("Cache-Control", "").lower():
        cache.keep(address, validators, content)


def _refusal(response: aiohttp.ClientResponse) -> str:
    reason = _REFUSALS.get(response.status, "the server does not answer with a calendar")
    return f"{reason} ({response.status})"


def _describe(error: Exception) -> str:
    """Return a sentence without the address, which may contain a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
        return f"the server's certificate is not trusted: {reason}"
    sentences = (sentence for kind, sentence in _ERRORS if isinstance(error, kind))
    sentence = next(sentences, "the address cannot be downloaded")
    if isinstance(error, OSError) and error.errno and sentence == _UNREACHABLE:
        return f"{sentence}: {os.strerror(error.errno)}"
    return sentence
