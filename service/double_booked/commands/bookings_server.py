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
from collections.abc import Awaitable, Callable, Collection
from ipaddress import ip_address
from typing import Any

import click
from aiohttp import ETag, web

from double_booked.commands import bookings_feed
from double_booked.commands.bookings_report import BookingsReport
from double_booked.commands.bookings_view import make_document, render_page
from double_booked.commands.errors import Failure
from double_booked.commands.live_bookings import Content, LiveBookings, Render
from double_booked.runtime.address import Address
from double_booked.runtime.http_server import HttpServer
from double_booked.runtime.sockets import ListenError
from double_booked.view.coverage import Live

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


def make_app(live: LiveBookings, host: str) -> web.Application:
    """Return the application.

    Args:
        live: The bookings.
        host: The host that it listens on.
    """
    name = f"[{host}]" if ":" in host else host
    app = web.Application(middlewares=[_answer_only_to(_LOCAL_HOSTS | {name.lower()})])
    app.on_response_prepare.append(_set_headers)
    app.router.add_get("/", _answer_with(live, _render_page))
    app.router.add_get("/view.json", _answer_with(live, _render_view))
    app.router.add_get("/bookings.ics", _answer_with(live, _render_feed))
    return app


def _answer_with(live: LiveBookings, render: Render) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        read = await live.refresh()
        response = _unless_known(request, await read.content(render))
        # An open page that has the content shows this as the time of the reading, like `made`.
        response.last_modified = read.report.made.replace(microsecond=0)
        return response

    return answer


def _unless_known(request: web.Request, content: Content) -> web.Response:
    """Return the response, which is 304 if the client has the content."""
    known = {etag.value for etag in request.if_none_match or ()} if content.etag else set()
    if known & {content.etag, "*"}:
        response = web.Response(status=304)
    else:
        response = web.Response(text=content.text, content_type=content.media_type)
    if content.etag:
        response.etag = ETag(content.etag, is_weak=True)
    return response


def _render_page(report: BookingsReport, live: Live) -> Content:
    return Content(render_page(report, live), "text/html")


def _render_view(report: BookingsReport, live: Live) -> Content:
    view: dict[str, Any] = make_document(report, live)
    # An open page needs no new view if nothing but the time of reading has changed. The first
    # offset is valid from that time on, if it is before the window.
    (_, *offset), *changes = view["offsets"]
    etag = _hash(json.dumps(view | {"made": 0, "offsets": [offset, *changes]}))
    return Content(json.dumps(view), "application/json", etag)


def _render_feed(report: BookingsReport, _live: Live) -> Content:
    feed = bookings_feed.render(report).decode()
    return Content(feed, "text/calendar", _hash(feed))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


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
