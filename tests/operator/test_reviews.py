"""Reviews admit and reserve, and read conflicting bookings again before a rejection."""

from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.operator.cluster import Cluster
from double_booked.operator.commits import Commits, NotAdmittingError
from double_booked.operator.ledger_store import LedgerStore
from double_booked.operator.links import MAX_LINKED
from double_booked.operator.metrics import Metrics
from double_booked.operator.reviews import MAX_RECHECKED, RejectionError, Reviewer
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS as BOOKING_KIND
from double_booked.operator.store import Store

from .factories import Clock, key, raw_booking, raw_calendar
from .fake_api_server import ACCESS_REVIEWS, BOOKINGS, CALENDARS, LEDGER, FakeApiServer

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
USER = {"username": "anna", "uid": "7", "groups": ["team"], "extra": {"scope": ["all"]}}
TEN = ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")


@dataclass
class Desk:
    """A reviewer, with its cache and a fake API server."""

    api: FakeApiServer
    reviewer: Reviewer
    schedule: Schedule
    store: Store
    clock: Clock
    may_admit: bool = True

    def reserved(self) -> list[str]:
        """Return the names of the objects that are reserved in the stored ledger."""
        stored = self.api.objects.get(LEDGER, {})
        return [one["name"] for one in stored.get("reservations", ())]

    def exists(self, raw: dict[str, Any], *, is_cached: bool = True) -> dict[str, Any]:
        """Store a booking in the API server, and cache it or not."""
        desk = self.api.put(f"{BOOKINGS}/{raw['metadata']['name']}", raw)
        if is_cached:
            self.store.upsert(BOOKING_KIND, desk)
        return desk

    async def review(
        self, new: dict[str, Any], old: dict[str, Any] | None = None, *, dry_run: bool = False
    ) -> list[str]:
        return await self.reviewer.review_booking(new, old, USER, dry_run=dry_run)


@pytest.fixture
def desk(api: FakeApiServer, cluster: Cluster) -> Desk:
    desk: Desk
    schedule, clock = Schedule(), Clock()
    store = Store(schedule)
    commits = Commits(cluster, store, LedgerStore(clock), lambda: desk.may_admit, Metrics())
    desk = Desk(api, Reviewer(store, cluster, commits), schedule, store, clock)
    api.put(f"{CALENDARS}/staging", raw_calendar())
    api.put_open_ledger()
    return desk


async def test_booking_that_fits_is_admitted_and_reserved(desk: Desk) -> None:
    assert await desk.review(raw_booking("a", *NINE)) == []
    assert desk.reserved() == ["a"]
    with pytest.raises(RejectionError, match="it is being booked by a just now") as rejected:
        await desk.review(raw_booking("b", *NINE))
    assert rejected.value.code == 403


async def test_uncached_calendar_is_fetched(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE))
    assert desk.api.count("GET", f"{CALENDARS}/staging") == 1
    assert key("staging") in desk.schedule.calendars


async def test_booking_on_a_missing_calendar_is_admitted_with_a_warning(desk: Desk) -> None:
    for name in "ab":
        [warning] = await desk.review(raw_booking(name, *NINE, "nowhere"))
        assert warning == (
            "calendar nowhere does not exist in namespace team: nothing is checked on it until it"
            " is created"
        )


async def test_review_is_rejected_when_the_api_server_is_unreachable(desk: Desk) -> None:
    desk.api.fail("GET", f"{CALENDARS}/staging", 500)
    with pytest.raises(NotAdmittingError, match="cannot read calendar team/staging"):
        await desk.review(raw_booking("a", *NINE))
    assert desk.reserved() == []


async def test_a_dry_run_reserves_nothing(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE), dry_run=True)
    assert desk.reserved() == []
    desk.exists(raw_booking("b", *NINE))
    with pytest.raises(RejectionError):
        await desk.review(raw_booking("a", *NINE), dry_run=True)
    await desk.reviewer.review_calendar(raw_calendar("gpu"), None, USER, dry_run=True)
    assert {method for method, _ in desk.api.requests} == {"GET"}


async def test_a_dry_run_in_a_new_namespace_creates_no_ledger(desk: Desk) -> None:
    desk.api.delete(LEDGER)
    assert await desk.review(raw_booking("a", *NINE), dry_run=True) == []
    assert LEDGER not in desk.api.objects


async def test_a_dry_run_sees_what_is_reserved(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE))
    with pytest.raises(RejectionError, match="it is being booked by a just now"):
        await desk.review(raw_booking("b", *NINE), dry_run=True)


async def test_a_dry_run_is_not_answered_by_a_process_that_may_not_admit(desk: Desk) -> None:
    desk.may_admit = False
    with pytest.raises(NotAdmittingError):
        await desk.review(raw_booking("a", *NINE), dry_run=True)


async def test_process_that_may_not_admit_admits_nothing(desk: Desk) -> None:
    desk.may_admit = False
    with pytest.raises(NotAdmittingError, match="this process may not admit now"):
        await desk.review(raw_booking("a", *NINE))
    with pytest.raises(NotAdmittingError):
        await desk.reviewer.review_calendar(raw_calendar("gpu"), None, USER, dry_run=False)
    assert desk.reserved() == []


async def test_write_that_adds_no_time_passes_without_the_lease(desk: Desk) -> None:
    desk.may_admit = False
    old = desk.exists(raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T11:00:00Z"))
    for new in (
        old,
        raw_booking("a", *NINE, uid="uid-a", generation=2),
        raw_booking("a", "2026-12-01T09:30:00Z", "2026-12-01T09:30:00Z", generation=2),
    ):
        assert await desk.review(new, old) == []
    assert desk.api.count("PUT", LEDGER) == 0


async def test_write_to_a_terminating_object_is_admitted(desk: Desk) -> None:
    desk.exists(raw_booking("b", *NINE))
    old = desk.exists(raw_booking("a", *TEN))
    gone = raw_booking("a", *NINE, deletionTimestamp="2026-11-01T00:00:00Z")
    assert await desk.review(gone, old) == []


async def test_conflicting_bookings_are_read_again_before_a_rejection(desk: Desk) -> None:
    desk.exists(raw_booking("gone", *NINE))
    desk.api.delete(f"{BOOKINGS}/gone")
    assert await desk.review(raw_booking("a", *NINE)) == []
    assert key("gone") not in desk.schedule.bookings
    desk.exists(raw_booking("moved", *TEN))
    desk.exists(
        raw_booking("moved", "2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z"), is_cached=False
    )
    assert await desk.review(raw_booking("b", *TEN)) == []


async def test_reserved_booking_conflicts_though_it_is_not_stored(
    desk: Desk,
) -> None:
    await desk.review(raw_booking("a", *NINE))
    with pytest.raises(RejectionError):
        await desk.review(raw_booking("b", *NINE))
    assert desk.api.count("GET", f"{BOOKINGS}/a") == 1


async def test_booking_is_rejected_if_the_recheck_fails(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    desk.api.fail("GET", f"{BOOKINGS}/a", 500)
    with pytest.raises(RejectionError):
        await desk.review(raw_booking("b", *NINE))


async def test_very_many_conflicting_bookings_are_not_read_again(desk: Desk) -> None:
    for number in range(MAX_RECHECKED + 1):
        desk.exists(raw_booking(f"b{number}", *NINE))
    desk.api.requests.clear()
    with pytest.raises(RejectionError, match="and 41 more have it"):
        await desk.review(raw_booking("a", *NINE))
    assert [path for _, path in desk.api.requests if path.startswith(BOOKINGS)] == []


async def test_invalid_booking_is_rejected_with_the_fix(desk: Desk) -> None:
    with pytest.raises(
        RejectionError, match=r"a: spec.start is 'soon': give a time like"
    ) as rejected:
        await desk.review(raw_booking("a", "soon", NINE[1]))
    assert rejected.value.code == 422


async def test_invalid_booking_can_be_fixed(desk: Desk) -> None:
    old = raw_booking("a", "soon", NINE[1])
    assert await desk.review(raw_booking("a", *NINE, generation=2), old) == []
    assert desk.reserved() == ["a"]


async def test_policy_report_admits_with_a_warning(desk: Desk) -> None:
    desk.api.put(f"{CALENDARS}/window", raw_calendar("window", policy="Report"))
    await desk.review(raw_booking("a", *NINE, "window"))
    [warning] = await desk.review(raw_booking("b", *NINE, "window"))
    assert "calendar window takes 1 at a time, and from" in warning
    assert "it is being booked by a just now" in warning
    desk.exists(raw_booking("c", *NINE, "staging"))
    with pytest.raises(RejectionError, match="calendar staging"):
        await desk.review(raw_booking("d", *NINE, "staging", "window"))


async def test_rules_of_an_admitted_calendar_apply_at_once(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE))
    desk.exists(raw_booking("b", *NINE))
    old = raw_calendar(capacity=3)
    new = raw_calendar(capacity=1)
    new["metadata"]["generation"] = 2
    [warning] = await desk.reviewer.review_calendar(new, old, USER, dry_run=False) or [""]
    assert warning == ""
    desk.exists(raw_booking("c", *NINE))
    [warning] = await desk.reviewer.review_calendar(new, old, USER, dry_run=False)
    assert "up to 2 overlap on it" in warning
    with pytest.raises(RejectionError):
        await desk.review(raw_booking("d", *NINE))
    with pytest.raises(RejectionError, match=r"spec.minGap: 'soon' is not a duration"):
        await desk.reviewer.review_calendar(raw_calendar(minGap="soon"), old, USER, dry_run=False)


async def test_replacing_a_booking_requires_the_right_to_delete_it(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    desk.api.undeletable.add("a")
    new = raw_booking("b", *NINE, spec={"replaces": ["a"]})
    with pytest.raises(RejectionError) as rejected:
        await desk.review(new)
    assert rejected.value.code == 403
    assert str(rejected.value) == (
        "b: spec.replaces names a, and anna may not delete that in namespace team: ask for the"
        " right to delete it, or leave the name out."
    )
    assert desk.reserved() == []
    desk.api.undeletable.clear()
    assert await desk.review(new) == []


async def test_the_right_of_the_reviewed_user_is_checked(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    await desk.review(raw_booking("b", *NINE, spec={"replaces": ["a"]}))
    [spec] = desk.api.access_reviews
    assert spec == {
        "user": "anna",
        "uid": "7",
        "groups": ["team"],
        "extra": {"scope": ["all"]},
        "resourceAttributes": {
            "group": "double-booked.io",
            "resource": "bookings",
            "verb": "delete",
            "namespace": "team",
            "name": "a",
        },
    }


async def test_names_of_bookings_that_do_not_exist_are_allowed(desk: Desk) -> None:
    desk.api.undeletable.add("gone")
    assert await desk.review(raw_booking("b", *NINE, spec={"replaces": ["gone"]})) == []
    assert desk.api.access_reviews == []


async def test_uncached_booking_is_fetched(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE), is_cached=False)
    desk.api.undeletable.add("a")
    with pytest.raises(RejectionError, match="may not delete"):
        await desk.review(raw_booking("b", *NINE, spec={"replaces": ["a"]}))


async def test_replacing_a_reserved_booking_requires_the_right(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE))
    desk.api.undeletable.add("a")
    with pytest.raises(RejectionError, match="may not delete"):
        await desk.review(raw_booking("b", *NINE, spec={"replaces": ["a"]}))


async def test_only_added_names_are_checked(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    old = desk.exists(raw_booking("b", *NINE, spec={"replaces": ["a"]}))
    desk.api.undeletable.add("a")
    new = raw_booking("b", *TEN, spec={"replaces": ["a"]}, generation=2)
    assert await desk.review(new, old) == []
    assert desk.api.access_reviews == []


async def test_added_name_is_checked_without_added_time(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    old = desk.exists(raw_booking("b", *TEN))
    desk.api.undeletable.add("a")
    with pytest.raises(RejectionError, match="may not delete"):
        await desk.review(raw_booking("b", *TEN, spec={"replaces": ["a"]}, generation=2), old)


async def test_booking_is_not_admitted_if_the_right_cannot_be_checked(desk: Desk) -> None:
    desk.exists(raw_booking("a", *NINE))
    desk.api.fail("POST", ACCESS_REVIEWS, 500)
    with pytest.raises(NotAdmittingError, match="cannot check who may be replaced"):
        await desk.review(raw_booking("b", *NINE, spec={"replaces": ["a"]}))


async def test_more_linked_bookings_than_the_limit_are_rejected(desk: Desk) -> None:
    for number in range(MAX_LINKED):
        name, before = f"b{number:02}", f"b{number - 1:02}"
        desk.exists(raw_booking(name, *NINE, spec={"replaces": [before]}))
    with pytest.raises(RejectionError, match="would link 65 bookings") as rejected:
        await desk.review(raw_booking("c", *TEN, spec={"replaces": [f"b{MAX_LINKED - 1}"]}))
    assert rejected.value.code == 403


async def test_new_booking_that_links_too_many_by_its_name_is_rejected(desk: Desk) -> None:
    for number in range(MAX_LINKED):
        name, before = f"b{number:02}", f"b{number - 1:02}"
        names = ["named"] if number in {0, MAX_LINKED // 2} else [before]
        desk.exists(raw_booking(name, *NINE, spec={"replaces": names}))
    with pytest.raises(RejectionError, match=r"with this name in spec\.replaces would link 65"):
        await desk.review(raw_booking("named", *TEN))
    assert await desk.review(raw_booking("another", *TEN)) == []


async def test_rejection_names_the_next_free_time(desk: Desk) -> None:
    desk.exists(raw_booking("a", "2099-12-01T09:00:00Z", "2099-12-01T10:00:00Z"))
    desk.exists(raw_booking("b", "2099-12-01T10:30:00Z", "2099-12-01T12:00:00Z"))
    with pytest.raises(RejectionError, match=r"Free from 2099-12-01T12:00:00Z\.$"):
        await desk.review(raw_booking("c", "2099-12-01T09:30:00Z", "2099-12-01T10:30:00Z"))


async def test_booking_in_the_past_is_admitted_with_a_warning(desk: Desk) -> None:
    [warning] = await desk.review(raw_booking("a", "2001-12-01T09:00:00Z", "2001-12-01T10:00:00Z"))
    assert warning == "booking a is in the past: it ended 2001-12-01T10:00:00Z"


async def test_rejection_by_a_pending_write_says_when_to_try_again(desk: Desk) -> None:
    await desk.review(raw_booking("a", *NINE))
    desk.clock.now += 45
    with pytest.raises(
        RejectionError, match="it is being booked by a just now; try again in 15 seconds"
    ):
        await desk.review(raw_booking("b", *NINE))
