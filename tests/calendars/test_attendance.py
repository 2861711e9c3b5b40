"""Which events take time, and whose."""

import pytest

from calendars.ics_cases import times_of

HOUR = "DTSTART:20260302T090000Z | DTEND:20260302T100000Z"
BUSY = {
    "CONFIRMED": "STATUS:CONFIRMED",
    "TENTATIVE, unless it is not to count": "STATUS:TENTATIVE",
    "OPAQUE": "TRANSP:OPAQUE",
    "Microsoft's busy": "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
    "Microsoft's out of office": "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
    "one of two has declined": "ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c | ATTENDEE:mailto:d@b.c",
}
FREE = {
    "CANCELLED": "STATUS:CANCELLED",
    "TRANSPARENT": "TRANSP:TRANSPARENT",
    "Microsoft's free": "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
    "all have declined": "ATTENDEE;PARTSTAT=DECLINED:mailto:a@example.org",
}


@pytest.mark.parametrize("event", BUSY.values(), ids=BUSY)
def test_an_event_that_takes_time(event: str) -> None:
    """Sections 3.8.1.11 and 3.8.2.7, and Microsoft's properties (MS-OXCICAL)."""
    assert len(times_of(f"{HOUR} | {event}")) == 1


@pytest.mark.parametrize("event", FREE.values(), ids=FREE)
def test_an_event_that_takes_no_time(event: str) -> None:
    assert times_of(f"{HOUR} | {event}") == []


def test_tentative_events_take_no_time_if_they_are_not_to_count() -> None:
    for tentative in ("STATUS:TENTATIVE", "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE"):
        assert times_of(f"{HOUR} | {tentative}", count_tentative=False) == []
        assert len(times_of(f"{HOUR} | {tentative}")) == 1
