"""`bookings --serve`: the page, its view and the feed, over real sockets."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import click.testing
import pytest
from icalendar import Calendar
from tests.operator.factories import Clock, raw_booking, raw_calendar
from tests.ports import refusing_port
from tests.view.json_schema import check, load_schema

from commands.fake_kubectl import FakeKubectl, booked
from commands.programs import COMMAND, environment
from double_booked.commands import main
from double_booked.commands.bookings_report import read_bookings
from double_booked.commands.bookings_server import is_loopback, make_app
from double_booked.commands.cluster_state import BookingsQuery
from double_booked.commands.live_bookings import INTERVAL, LiveBookings
from double_booked.runtime.address import Address
from double_booked.runtime.http_server import HttpServer

SCHEMA = load_schema("view.schema.json")

DECEMBER = BookingsQuery(
    namespace="team", start=date(2026, 12, 7), zone=ZoneInfo("Europe/Berlin"), context="kind-dev"
)


@dataclass(frozen=True, slots=True)
class Site:
    """A server of bookings, and the clock that it reads."""

    url: str
    clock: Clock
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self.session.get(self.url + path, headers=headers) as response:
            return response.status, await response.text(), response

    async def view(self) -> Any:
        status, text, _ = await self.get("/view.json")
        assert status == 200
        view = json.loads(text)
        check(view, SCHEMA, SCHEMA)
        return view


@asynccontextmanager
async def serving(
    query: BookingsQuery = DECEMBER, age: timedelta = timedelta()
) -> AsyncIterator[Site]:
    clock, report = Clock(), read_bookings(query)
    live = LiveBookings(replace(report, made=report.made - age), clock=clock)
    server = HttpServer(make_app(live, "127.0.0.1"))
    await server.start(Address("127.0.0.1", 0), "--serve")
    try:
        async with aiohttp.ClientSession() as session:
            yield Site(f"http://127.0.0.1:{server.port}", clock, session)
    finally:
        await server.stop()


# What is served


async def test_view_has_bookings_rules_and_free_calendars(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("staging"),
        raw_calendar("gpu", capacity=2, policy="Report", minGap="30m"),
        booked("first", "09:00", "11:00"),
        booked("second", "10:00", "12:00", creationTimestamp="2025-11-01T00:00:01Z"),
        raw_booking("before", "2026-12-01T10:00:00Z", "2026-12-02T10:00:00Z"),
    )
    async with serving() as site:
        view = await site.view()
    assert (view["kind"], view["zone"]) == ("bookings", "Europe/Berlin")
    assert view["sources"] == ["kind-dev/team"]
    view["calendars"][1].pop("free", None)  # the text depends on when the test runs
    assert view["calendars"] == [
        {"name": "gpu", "capacity": 2, "policy": "Report", "gap": 1800, "free": "free all week"},
        {"name": "staging", "policy": "Reject"},
    ]
    events = {view["names"][event[0]]: event for event in view["events"]}
    assert events["first"][3:] == [[1], 0, 0, 0, "first"]
    assert events["second"][3:] == [[1], 0, 0, 2, "second"]
    assert view["outside"] == {"events": 1, "first": "2026-12-01", "last": "2026-12-01"}
    assert [len(view["days"]), view["live"]] == [7, {"every": INTERVAL}]


async def test_page_may_connect_only_to_its_server(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00", title="</script>Load"))
    async with serving() as site:
        status, page, response = await site.get("/")
    assert (status, response.content_type) == (200, "text/html")
    assert "connect-src 'self'; " in page
    assert "Load" in page
    assert "</script>Load" not in page


async def test_feed_is_a_calendar(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    async with serving() as site:
        status, text, response = await site.get("/bookings.ics")
    assert (status, response.content_type) == (200, "text/calendar")
    [event] = Calendar.from_ical(text).walk("VEVENT")
    assert event["UID"] == "uid-a"


@pytest.mark.parametrize("path", ["/", "/view.json", "/bookings.ics", "/nothing"])
async def test_response_is_for_no_cache_no_frame_and_no_other_origin(
    kubectl: FakeKubectl, path: str
) -> None:
    kubectl.serves(raw_calendar())
    async with serving() as site:
        _, _, response = await site.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in response.headers


# Reading again


async def test_cluster_is_read_once_per_interval_for_any_number_of_readers(
    kubectl: FakeKubectl,
) -> None:
    kubectl.serves(raw_calendar())
    async with serving() as site:
        for _ in range(2):
            await asyncio.gather(*(site.get(path) for path in ("/", "/view.json") * 10))
        assert kubectl.reads() == 1
        site.clock.now += INTERVAL
        await asyncio.gather(*(site.get(path) for path in ("/", "/bookings.ics") * 10))
        assert kubectl.reads() == 2
    assert kubectl.arguments()[4:] == ["--context=kind-dev", "--namespace=team"]


@pytest.mark.parametrize("path", ["/", "/view.json", "/bookings.ics"])
async def test_content_changes_only_with_a_new_read(kubectl: FakeKubectl, path: str) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    async with serving() as site:
        _, first, _ = await site.get(path)
        kubectl.serves(raw_calendar(), booked("b", "11:00", "12:00"))
        site.clock.now += INTERVAL - 1
        assert (await site.get(path))[1] == first
        site.clock.now += 1
        _, second, _ = await site.get(path)
    assert "uid-b" in second if path.endswith("ics") else '"b"' in second
    assert second != first


@pytest.mark.parametrize("path", ["/view.json", "/bookings.ics"])
async def test_known_content_is_not_sent_again(kubectl: FakeKubectl, path: str) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    async with serving() as site:
        _, _, first = await site.get(path)
        known = {"If-None-Match": first.headers["ETag"]}
        site.clock.now += INTERVAL
        status, text, response = await site.get(path, **known)
        assert (status, text, response.headers["ETag"]) == (304, "", first.headers["ETag"])
        kubectl.serves(raw_calendar(), booked("a", "09:00", "10:30", generation=2))
        site.clock.now += INTERVAL
        assert (await site.get(path, **known))[0] == 200


async def test_every_response_has_the_time_of_the_last_reading(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    async with serving(age=timedelta(minutes=1)) as site:
        _, text, first = await site.get("/view.json")
        assert (
            parsedate_to_datetime(first.headers["Last-Modified"]).timestamp()
            == (json.loads(text)["made"])
        )
        known = {"If-None-Match": first.headers["ETag"]}
        _, _, same = await site.get("/view.json", **known)
        assert same.headers["Last-Modified"] == first.headers["Last-Modified"]
        site.clock.now += INTERVAL
        status, _, again = await site.get("/view.json", **known)
    times = [parsedate_to_datetime(one.headers["Last-Modified"]) for one in (first, again)]
    assert status == 304
    assert times[1] - times[0] >= timedelta(minutes=1)


async def test_view_of_a_coming_week_is_known_although_it_was_read_again(
    kubectl: FakeKubectl,
) -> None:
    kubectl.serves(raw_calendar())
    coming = replace(DECEMBER, start=datetime.now(UTC).date() + timedelta(7))
    async with serving(coming, timedelta(minutes=1)) as site:
        _, _, first = await site.get("/view.json")
        site.clock.now += INTERVAL
        known = {"If-None-Match": first.headers["ETag"]}
        assert (await site.get("/view.json", **known))[0] == 304
    assert kubectl.reads() == 2


async def test_last_good_view_stays_while_reading_fails(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    async with serving() as site:
        good = await site.view()
        kubectl.install(1, "Unable to connect\n")
        site.clock.now += INTERVAL
        stale = await site.view()
        assert stale["live"] == {"every": INTERVAL, "error": "kubectl: Unable to connect"}
        assert {name: stale[name] for name in stale if name != "live"} == {
            name: good[name] for name in good if name != "live"
        }
        await site.view()
        assert kubectl.reads() == 2
        kubectl.serves(raw_calendar())
        site.clock.now += INTERVAL
        fresh = await site.view()
        assert (fresh["live"], fresh["events"]) == ({"every": INTERVAL}, [])


async def test_unexpected_error_of_a_read_does_not_end_the_service(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    async with serving() as site:
        kubectl.serves({"kind": "Calendar"})
        site.clock.now += INTERVAL
        errors = [(await site.view())["live"]["error"] for _ in range(2)]
    assert errors[0] == errors[1]
    assert errors[0].startswith("unexpected error: KeyError: 'metadata' at ")
    assert kubectl.reads() == 2


# Who is answered


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8090", "LOCALHOST:1", "[::1]:8090"])
async def test_names_of_this_machine_are_answered(kubectl: FakeKubectl, host: str) -> None:
    kubectl.serves(raw_calendar())
    async with serving() as site:
        assert (await site.get("/view.json", Host=host))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8090", "127.0.0.1.evil.example", "localhost:80:80", ""]
)
async def test_other_names_are_rejected_against_dns_rebinding(
    kubectl: FakeKubectl, host: str
) -> None:
    kubectl.serves(raw_calendar(), booked("secret", "09:00", "10:00"))
    async with serving() as site:
        for path in ("/", "/view.json", "/bookings.ics", "/nothing"):
            status, text, _ = await site.get(path, Host=host)
            assert (status, "secret" in text) == (403, False)


async def test_host_that_is_served_is_answered(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    for host, header in (("Week.example", "week.example:80"), ("fd00::1", "[fd00::1]")):
        server = HttpServer(make_app(LiveBookings(read_bookings(DECEMBER)), host))
        await server.start(Address("127.0.0.1", 0), "--serve")
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{server.port}/view.json"
            async with session.get(url, headers={"Host": header}) as response:
                assert response.status == 200
        await server.stop()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_server_only_reads(kubectl: FakeKubectl, method: str) -> None:
    kubectl.serves(raw_calendar())
    async with serving() as site, site.session.request(method, f"{site.url}/") as response:
        assert response.status == 405


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_known_by_address_and_by_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "fd00::1", "localhost.example"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


# The command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_a_signal(kubectl: FakeKubectl, number: signal.Signals) -> None:
    kubectl.serves(raw_calendar())
    command = [*COMMAND, "bookings", "--serve", "127.0.0.1:0"]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("Serving http://127.0.0.1:")
        os.kill(process.pid, number)
        output, messages = process.communicate(timeout=30)
    assert (output, messages, process.returncode) == ("", "Stopped.\n", 0)


def error(*arguments: str) -> str:
    done = click.testing.CliRunner().invoke(main, ["bookings", *arguments])
    assert (done.stdout, done.exit_code) == ("", 2)
    return " ".join(done.stderr.splitlines()[-1].split())


def test_address_beyond_this_machine_is_warned_about(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    with refusing_port() as port:
        done = click.testing.CliRunner().invoke(main, ["bookings", "--serve", f"192.0.2.1:{port}"])
    assert done.stderr.startswith("Warning: whoever reaches 192.0.2.1 sees all that you may read")


@pytest.mark.parametrize("address", [":8090", "0.0.0.0:8090", "[::]:8090"])
def test_every_interface_is_rejected(kubectl: FakeKubectl, address: str) -> None:
    kubectl.serves(raw_calendar())
    assert "is every interface; give one host, like 127.0.0.1." in error("--serve", address)


@pytest.mark.parametrize(
    ("address", "example"), [("8098", "127.0.0.1:8098"), ("localhost", "localhost:8090")]
)
def test_address_without_a_port_or_host_is_rejected_with_an_example(
    kubectl: FakeKubectl, address: str, example: str
) -> None:
    kubectl.serves(raw_calendar())
    assert error("--serve", address).endswith(f"'{address}' is not HOST:PORT, like {example}.")


def test_serve_and_format_exclude_each_other(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    assert "exclude each other" in error("--serve=127.0.0.1:0", "--format=ics")


def test_cluster_that_cannot_be_read_at_the_start_is_an_error(kubectl: FakeKubectl) -> None:
    kubectl.install(1, "Unauthorized\n")
    assert error("--serve=127.0.0.1:0") == "Error: kubectl: Unauthorized"


def test_port_in_use_is_a_one_line_error(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    with refusing_port() as port:
        line = error(f"--serve=127.0.0.1:{port}")
    assert line == f"Error: cannot listen on 127.0.0.1:{port} (--serve): Address already in use"
