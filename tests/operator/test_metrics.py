"""The operator exports counts of calendars and bookings."""

from collections.abc import Iterable, Mapping
from itertools import starmap
from unittest.mock import patch

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from double_booked.operator import metrics
from double_booked.operator.metrics import Gauges, Metrics
from double_booked.operator.objects import Booking, Calendar, NamespacedName, ObjectMeta, Rules
from double_booked.operator.schedule import Schedule

from .factories import at, booking, calendar, key, metrics_of, schedule_of

Over = dict[NamespacedName, tuple[NamespacedName, ...]]
Series = dict[tuple[str, str], float]
NAMED = 500
"""The most calendars with series of their own."""

OTHERS = ("", "")


def series(exported: Metrics, name: str) -> Series:
    """Return the series of a metric by namespace and calendar, as Prometheus parses them."""
    text = generate_latest(exported.registry).decode()
    return {
        (sample.labels.get("namespace", ""), sample.labels.get("calendar", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"double_booked_operator_{name}"
    }


def value(exported: Metrics, name: str) -> float | None:
    return exported.registry.get_sample_value(f"double_booked_operator_{name}")


def many(sizes: Mapping[str, int]) -> Iterable[Booking]:
    """Yield some number of bookings on each calendar."""
    for name, size in sizes.items():
        for number in range(size):
            yield booking(f"{name}-{number}", number, number + 1, name)


def over_all(schedule: Schedule) -> Over:
    """Return that every booking puts its calendars over their capacity."""
    return {one.key: one.calendar_keys() for one in schedule.bookings.values()}


def conflicts_at(hour: float, exported: Metrics) -> Series:
    """Return the conflicts that are exported at an hour."""
    with patch.object(metrics.time, "time_ns", lambda: at(hour)):
        return series(exported, "conflicts")


def test_up_to_500_calendars_each_have_a_series() -> None:
    sizes = {f"room-{number:03}": 1 for number in range(NAMED)}
    exported = metrics_of(schedule_of(*many(sizes)), {})
    assert series(exported, "bookings") == {("team", name): 1 for name in sizes}


def test_of_501_calendars_the_smallest_has_no_name() -> None:
    sizes = {f"room-{number:03}": 2 for number in range(NAMED)} | {"a-small-one": 1}
    counts = series(metrics_of(schedule_of(*many(sizes)), {}), "bookings")
    assert counts.pop(OTHERS) == 1
    assert counts == {("team", name): 2 for name in sizes if name != "a-small-one"}


def test_of_many_calendars_the_largest_are_named_and_all_are_counted() -> None:
    sizes = {f"room-{number:03}": 1 + number % 3 for number in range(NAMED + 100)}
    counts = series(metrics_of(schedule_of(*many(sizes)), {}), "bookings")
    assert len(counts) == NAMED + 1
    assert sum(counts.values()) == sum(sizes.values())
    others = counts.pop(OTHERS)
    assert others == 100
    # Of calendars with equal counts, the first by name have series.
    ranked = sorted(sizes, key=lambda name: (-sizes[name], name))
    assert sorted(name for _, name in counts) == sorted(ranked[:NAMED])


def test_a_calendar_with_a_conflict_is_named_among_many_without() -> None:
    names = [f"room-{number:03}" for number in range(NAMED + 100)]
    schedule = schedule_of(*map(calendar, names), booking("late", 9, 10, names[-1]))
    counts = conflicts_at(8, metrics_of(schedule, over_all(schedule)))
    assert counts["team", names[-1]] == 1
    assert counts[OTHERS] == 0
    assert len(counts) == NAMED + 1


def test_a_conflict_counts_until_its_booking_ends() -> None:
    schedule = schedule_of(calendar(), booking("a", 9, 10), booking("b", 9, 12))
    exported = metrics_of(schedule, over_all(schedule))
    hours = (8, 9.5, 10, 11, 12, 13)
    assert [conflicts_at(hour, exported)["team", "staging"] for hour in hours] == [2, 2, 1, 1, 0, 0]


def test_a_conflict_counts_only_on_calendars_that_are_over_capacity() -> None:
    schedule = schedule_of(
        *map(calendar, ("staging", "gpu", "quiet")), booking("a", 9, 10, "staging", "gpu", "quiet")
    )
    exported = metrics_of(schedule, {key("a"): (key("staging"), key("gpu"))})
    assert conflicts_at(8, exported) == {
        ("team", "staging"): 1,
        ("team", "gpu"): 1,
        ("team", "quiet"): 0,
    }


def test_a_deleted_booking_is_not_counted_as_a_conflict() -> None:
    schedule = schedule_of(calendar(), booking("a", 9, 10))
    over = over_all(schedule)
    exported = metrics_of(schedule, over)
    assert conflicts_at(8, exported) == {("team", "staging"): 1}
    assert schedule.drop_booking(key("a"), 2)
    assert conflicts_at(8, exported) == {("team", "staging"): 0}


def test_names_are_escaped_in_the_exposition() -> None:
    """Names in Kubernetes are narrower, but the exposition must be valid for all names."""
    names = ['say "hi"', "back\\slash", "two\nlines", "Besprechungsraum Köln 会議室 🗓", "a{b}=c,d"]
    odd = [NamespacedName(f"team {name}", name) for name in names]
    schedule = schedule_of(
        *(Calendar(ObjectMeta(name, "uid", 1, 1), Rules()) for name in odd),
        *starmap(booking_on, enumerate(odd)),
    )
    exported = metrics_of(schedule, over_all(schedule))
    for name in ("bookings", "conflicts"):
        assert series(exported, name).keys() == {(one.namespace, one.name) for one in odd}


def booking_on(number: int, on: NamespacedName) -> Booking:
    metadata = ObjectMeta(NamespacedName(on.namespace, f"b-{number}"), "uid", 1, 1)
    return Booking(metadata, "2025-11-01T00:00:00Z", at(9), at(10), (on.name,))


def test_cached_objects_are_counted_at_each_scrape() -> None:
    schedule = Schedule()
    exported = metrics_of(schedule, {})
    assert value(exported, "calendars") == 0
    assert series(exported, "bookings") == series(exported, "conflicts") == {}

    schedule.upsert_calendar(calendar())
    schedule.upsert_booking(booking("a", 9, 10))
    schedule.upsert_booking(booking("b", 10, 11))
    assert value(exported, "calendars") == 1
    assert series(exported, "bookings") == {("team", "staging"): 2}
    assert series(exported, "conflicts") == {("team", "staging"): 0}

    schedule.drop_booking(key("a"), 2)
    assert series(exported, "bookings") == {("team", "staging"): 1}
    schedule.drop_booking(key("b"), 2)
    schedule.drop_calendar(key("staging"), 2)
    assert value(exported, "calendars") == 0
    assert series(exported, "bookings") == series(exported, "conflicts") == {}


def test_bookings_count_on_a_missing_calendar() -> None:
    exported = metrics_of(schedule_of(booking("a", 9, 10, "not-yet")), {})
    assert value(exported, "calendars") == 0
    assert series(exported, "bookings") == {("team", "not-yet"): 1}


def test_only_the_leader_counts_objects() -> None:
    """Otherwise the sum over all replicas would count each object several times."""
    exported = metrics_of(schedule_of(calendar(), booking("a", 9, 10)), None)
    assert value(exported, "calendars") is None
    assert series(exported, "bookings") == series(exported, "conflicts") == {}
    assert value(exported, "reservations") == 3


def test_gauges_are_read_at_each_scrape() -> None:
    answers: dict[str, float] = {"reservations": 0, "admitting": False, "lag": 0}
    answers |= {"leading": False, "configured": False, "foreign": 0, "unenforced": 0, "details": 0}
    exported = Metrics()
    exported.export(
        Schedule(),
        dict,
        Gauges(
            reservations=lambda: int(answers["reservations"]),
            admitting=lambda: bool(answers["admitting"]),
            leading=lambda: bool(answers["leading"]),
            lag=lambda: answers["lag"],
            details=lambda: int(answers["details"]),
            webhook_configured=lambda: bool(answers["configured"]),
            unenforced=lambda: {"WebhookNotFound": int(answers["unenforced"])},
            foreign_webhooks=lambda: int(answers["foreign"]),
        ),
    )
    names = (
        "reservations",
        "admitting",
        "leading",
        "queue_lag_seconds",
        "tls_expiry_timestamp_seconds",
        "webhook_configured",
        "foreign_webhooks",
        "pending_details",
    )
    assert [value(exported, name) for name in names] == [0, 0, 0, 0, 0, 0, 0, 0]
    answers |= {"reservations": 7, "admitting": True, "leading": True, "lag": 2.5}
    exported.certificate.set_expiry(2e9)
    answers |= {"configured": True, "foreign": 2, "unenforced": 3, "details": 4}
    assert [value(exported, name) for name in names] == [7, 1, 1, 2.5, 2e9, 1, 2, 4]
    unenforced = "double_booked_operator_unenforced_calendars"
    reasons = ("FailurePolicyIgnore", "NamespaceNotSelected", "Unknown", "WebhookNotFound")
    assert [
        exported.registry.get_sample_value(unenforced, {"reason": reason}) for reason in reasons
    ] == [
        0,
        0,
        0,
        3,
    ]


def test_counters_start_at_zero() -> None:
    exported = Metrics()
    assert value(exported, "reconcile_errors_total") == 0
    assert value(exported, "watch_errors_total") == 0
    assert value(exported, "late_writes_total") == 0
    for result in ("success", "conflict", "failure"):
        sample = "double_booked_operator_ledger_writes_total"
        assert exported.registry.get_sample_value(sample, {"result": result}) == 0
    for result in ("success", "failure"):
        for name in ("tls_reloads_total", "deletions_total"):
            sample = f"double_booked_operator_{name}"
            assert exported.registry.get_sample_value(sample, {"result": result}) == 0
