"""Serves the page and the feed of a cluster's bookings, read again as long as it runs.

Whoever reaches the server sees what its user may read in the cluster. It therefore answers only to
its own names: a web page whose name an attacker points to this machine (DNS rebinding) gets
nothing. Nothing that it serves may be cached or logged.
"""

import asyncio
import hashlib
import json
import re
import signal
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from ipaddress import ip_address

import click
from aiohttp import ETag, web

from double_booked.commands import bookings_feed
from double_booked.commands.bookings_report import BookingsReport, read_bookings
from double_booked.commands.bookings_view import make_document, render_page
from double_booked.commands.errors import Failure, describe
from double_booked.runtime.address import Address
from double_booked.runtime.http_server import HttpServer
from double_booked.runtime.sockets import ListenError
from double_booked.view.coverage import Live

INTERVAL = 15
"""Seconds between two reads of the cluster, and between two requests of an open page."""

_READ_SECONDS = 30
"""Seconds after which a read has failed; requests wait for it."""

_HOST = re.compile(r"(\[[^]]*\]|[^:]*)(?::\d+)?")
"""A Host header (RFC 9110, 7.2)."""

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself has the other rules
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(report: BookingsReport, address: Address) -> None:
    """Serve bookings until SIGINT or SIGTERM.

    Args:
        report: The bookings as they are now.
        address: Where to listen; its host is not empty.

    Raises:
        Failure: The server cannot listen on the address.
    """
    if not is_loopback(address.host):
        warning = f"whoever reaches {address.host} sees all that you may read, unencrypted"
        click.echo(f"Warning: {warning}", err=True)
    asyncio.run(_serve(report, address))


async def _serve(report: BookingsReport, address: Address) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = HttpServer(make_app(LiveBookings(report), address.host))
    try:
        await server.start(address, "--serve")
    except ListenError as error:
        raise Failure(str(error)) from error
    url = f"http://{Address(address.host, server.port)}/"
    click.echo(f"Serving {url} and {url}bookings.ics until Ctrl-C", err=True)
    await stopping.wait()
    await server.stop()
    click.echo("Stopped.", err=True)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(slots=True)
class LiveBookings:
    """Bookings that are read again when somebody asks for them and they are older than INTERVAL.

    Attributes:
        report: The last good read.
        error: Why a later read failed; "" if none did.
        clock: Returns seconds of a clock that never goes back.
    """

    report: BookingsReport
    error: str = ""
    clock: Callable[[], float] = time.monotonic
    _read_at: float = field(init=False)
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._read_at = self.clock()

    async def refresh(self) -> BookingsReport:
        """Read the cluster if the last read is too old; return the last good one."""
        async with self._lock:
            if self.clock() - self._read_at >= INTERVAL:
                await self._read()
                self._read_at = self.clock()
        return self.report

    async def _read(self) -> None:
        try:
            self.report = await asyncio.to_thread(read_bookings, self.report.query, _READ_SECONDS)
        except Failure as failure:
            self.error = failure.message
        except Exception as error:  # noqa: BLE001 - the last good read is served on
            self.error = describe(error)
        else:
            self.error = ""


def make_app(live: LiveBookings, host: str) -> web.Application:
    """Return the application.

    Args:
        live: The bookings.
        host: The host that it listens on.
    """
    name = f"[{host}]" if ":" in host else host
    pages = _Pages(live)
    app = web.Application(middlewares=[_answer_only_to(_LOCAL_HOSTS | {name.lower()})])
    app.on_response_prepare.append(_set_headers)
    app.router.add_get("/", pages.serve_page)
    app.router.add_get("/view.json", pages.serve_view)
    app.router.add_get("/bookings.ics", pages.serve_feed)
    return app


@dataclass(frozen=True, slots=True)
class _Pages:
    live: LiveBookings

    async def serve_page(self, _request: web.Request) -> web.Response:
        report = await self.live.refresh()
        page = await asyncio.to_thread(render_page, report, self._live())
        return web.Response(text=page, content_type="text/html")

    async def serve_view(self, request: web.Request) -> web.Response:
        report = await self.live.refresh()
        view = await asyncio.to_thread(make_document, report, self._live())
        # An open page needs no new view if nothing but the time of reading has changed.
        content = json.dumps(view | {"made": 0})
        return _unless_known(request, content, web.json_response(view))

    async def serve_feed(self, request: web.Request) -> web.Response:
        report = await self.live.refresh()
        feed = (await asyncio.to_thread(bookings_feed.render, report)).decode()
        response = web.Response(text=feed, content_type="text/calendar")
        return _unless_known(request, feed, response)

    def _live(self) -> Live:
        return Live(INTERVAL, self.live.error)


def _unless_known(request: web.Request, content: str, response: web.Response) -> web.Response:
    """Return a response with an ETag of the content, or 304 if the client has that."""
    etag = ETag(hashlib.sha256(content.encode()).hexdigest()[:32], is_weak=True)
    if any(known.value in (etag.value, "*") for known in request.if_none_match or ()):
        response = web.Response(status=304)
    response.etag = etag
    return response


def _answer_only_to(hosts: Collection[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
        match = _HOST.fullmatch(request.headers.get("Host", ""))
        if not match or match[1].lower() not in hosts:
            raise web.HTTPForbidden(text="This server answers only to the host that it serves.\n")
        return await handler(request)

    return answer


async def _set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
