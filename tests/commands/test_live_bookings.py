"""Bookings are rendered once for each read of the cluster."""

import asyncio
from datetime import date
from zoneinfo import ZoneInfo

from tests.operator.factories import Clock, raw_booking, raw_calendar

from commands.fake_kubectl import FakeKubectl
from double_booked.commands.bookings_report import BookingsReport, read_bookings
from double_booked.commands.cluster_state import BookingsQuery
from double_booked.commands.live_bookings import INTERVAL, Content, LiveBookings
from double_booked.view.coverage import Live

DECEMBER = BookingsQuery(start=date(2026, 12, 7), zone=ZoneInfo("UTC"))


class Renderer:
    """Renders the number of bookings and the error, and counts how often."""

    times = 0

    def __call__(self, report: BookingsReport, live: Live) -> Content:
        self.times += 1
        return Content(f"{len(report.shown.bookings)} {live.error}", "text/plain")


async def test_content_is_rendered_once_per_read_for_any_number_of_readers(
    kubectl: FakeKubectl,
) -> None:
    kubectl.serves(raw_calendar())
    clock, render = Clock(), Renderer()
    live = LiveBookings(read_bookings(DECEMBER), clock=clock)

    async def content() -> str:
        return (await (await live.refresh()).content(render)).text

    assert {*await asyncio.gather(*(content() for _ in range(20)))} == {"0 "}
    assert render.times == 1
    kubectl.serves(raw_calendar(), raw_booking("a", "2026-12-07T09:00:00Z", "2026-12-07T10:00:00Z"))
    clock.now += INTERVAL
    assert {*await asyncio.gather(*(content() for _ in range(20)))} == {"1 "}
    assert render.times == 2


async def test_failed_read_is_rendered_with_its_error(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    clock, render = Clock(), Renderer()
    live = LiveBookings(read_bookings(DECEMBER), clock=clock)
    await (await live.refresh()).content(render)
    kubectl.install(1, "Unauthorized\n")
    clock.now += INTERVAL
    assert (await (await live.refresh()).content(render)).text == "0 kubectl: Unauthorized"
