"""What Prometheus is told of calendars and bookings."""

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
Told = dict[tuple[str, str], float]
NAMED = 500
"""How many calendars have series of their own."""

OTHERS = ("", "")


def told(made: Metrics, name: str) -> Told:
    """The series of a metric by namespace and calendar, as Prometheus reads them."""
    text = generate_latest(made.registry).decode()
    return {
        (sample.labels.get("namespace", ""), sample.labels.get("calendar", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"double_booked_operator_{name}"
    }


def value(made: Metrics, name: str) -> float | None:
    return made.registry.get_sample_value(f"double_booked_operator_{name}")


def many(sizes: Mapping[str, int]) -> Iterable[Booking]:
    """So many bookings on each calendar."""
    for name, size in sizes.items():
        for number in range(size):
            yield booking(f"{name}-{number}", number, number + 1, name)


def over_all(held: Schedule) -> Over:
    """Every booking puts its calendars over their capacity."""
    return {each.key: each.calendar_keys() for each in held.bookings.values()}


def told_at(hour: float, made: Metrics) -> Told:
    """The conflicts that are told at an hour."""
    with patch.object(metrics.time, "time_ns", lambda: at(hour)):
        return told(made, "conflicts")


def test_up_to_500_calendars_each_have_a_series() -> None:
    sizes = {f"room-{number:03}": 1 for number in range(NAMED)}
    made = metrics_of(schedule_of(*many(sizes)), {})
    assert told(made, "bookings") == {("team", name): 1 for name in sizes}


def test_of_501_calendars_the_smallest_is_told_without_its_name() -> None:
    sizes = {f"room-{number:03}": 2 for number in range(NAMED)} | {"a-small-one": 1}
    found = told(metrics_of(schedule_of(*many(sizes)), {}), "bookings")
    assert found.pop(OTHERS) == 1
    assert found == {("team", name): 2 for name in sizes if name != "a-small-one"}


def test_of_many_calendars_the_largest_are_named_and_no_booking_is_lost() -> None:
    sizes = {f"room-{number:03}": 1 + number % 3 for number in range(NAMED + 100)}
    found = told(metrics_of(schedule_of(*many(sizes)), {}), "bookings")
    assert len(found) == NAMED + 1
    assert sum(found.values()) == sum(sizes.values())
    others = found.pop(OTHERS)
    assert others == 100
    # Of those that are equal, the first by name.
    ranked = sorted(sizes, key=lambda name: (-sizes[name], name))
    assert sorted(name for _, name in found) == sorted(ranked[:NAMED])


def test_a_calendar_with_a_conflict_is_named_among_many_without() -> None:
    names = [f"room-{number:03}" for number in range(NAMED + 100)]
    held = schedule_of(*map(calendar, names), booking("late", 9, 10, names[-1]))
    found = told_at(8, metrics_of(held, over_all(held)))
    assert found["team", names[-1]] == 1
    assert found[OTHERS] == 0
    assert len(found) == NAMED + 1


def test_a_conflict_counts_until_its_booking_is_over() -> None:
    held = schedule_of(calendar(), booking("a", 9, 10), booking("b", 9, 12))
    made = metrics_of(held, over_all(held))
    hours = (8, 9.5, 10, 11, 12, 13)
    assert [told_at(hour, made)["team", "staging"] for hour in hours] == [2, 2, 1, 1, 0, 0]


def test_a_conflict_counts_on_each_calendar_that_it_is_over_on_alone() -> None:
    held = schedule_of(
        *map(calendar, ("staging", "gpu", "quiet")), booking("a", 9, 10, "staging", "gpu", "quiet")
    )
    made = metrics_of(held, {key("a"): (key("staging"), key("gpu"))})
    assert told_at(8, made) == {("team", "staging"): 1, ("team", "gpu"): 1, ("team", "quiet"): 0}


def test_a_booking_that_is_gone_is_no_conflict() -> None:
    held = schedule_of(calendar(), booking("a", 9, 10))
    over = over_all(held)
    made = metrics_of(held, over)
    assert told_at(8, made) == {("team", "staging"): 1}
    assert held.drop_booking(key("a"), 2)
    assert told_at(8, made) == {("team", "staging"): 0}


def test_any_name_is_told_as_it_is() -> None:
    """Kubernetes has narrow names; what is told must be readable even if it ever has others."""
    names = ['say "hi"', "back\\slash", "two\nlines", "Besprechungsraum Köln 会議室 🗓", "a{b}=c,d"]
    odd = [NamespacedName(f"team {name}", name) for name in names]
    held = schedule_of(
        *(Calendar(ObjectMeta(each, "uid", 1, 1), Rules()) for each in odd),
        *starmap(booking_on, enumerate(odd)),
    )
    made = metrics_of(held, over_all(held))
    for name in ("bookings", "conflicts"):
        assert told(made, name).keys() == {(each.namespace, each.name) for each in odd}


def booking_on(number: int, on: NamespacedName) -> Booking:
    metadata = ObjectMeta(NamespacedName(on.namespace, f"b-{number}"), "uid", 1, 1)
    return Booking(metadata, "2025-11-01T00:00:00Z", at(9), at(10), (on.name,))


def test_what_is_held_is_told_at_each_scrape_anew() -> None:
    held = Schedule()
    made = metrics_of(held, {})
    assert value(made, "calendars") == 0
    assert told(made, "bookings") == told(made, "conflicts") == {}

    held.upsert_calendar(calendar())
    held.upsert_booking(booking("a", 9, 10))
    held.upsert_booking(booking("b", 10, 11))
    assert value(made, "calendars") == 1
    assert told(made, "bookings") == {("team", "staging"): 2}
    assert told(made, "conflicts") == {("team", "staging"): 0}

    held.drop_booking(key("a"), 2)
    assert told(made, "bookings") == {("team", "staging"): 1}
    held.drop_booking(key("b"), 2)
    held.drop_calendar(key("staging"), 2)
    assert value(made, "calendars") == 0
    assert told(made, "bookings") == told(made, "conflicts") == {}


def test_bookings_count_on_a_calendar_that_does_not_exist() -> None:
    made = metrics_of(schedule_of(booking("a", 9, 10, "not-yet")), {})
    assert value(made, "calendars") == 0
    assert told(made, "bookings") == {("team", "not-yet"): 1}


def test_the_parts_are_asked_at_each_scrape_anew() -> None:
    answers: dict[str, float] = {"reservations": 0, "admitting": False, "lag": 0}
    answers |= {"configured": False, "foreign": 0, "unenforced": 0, "details": 0}
    made = Metrics()
    made.export(
        Schedule(),
        {},
        Gauges(
            reservations=lambda: int(answers["reservations"]),
            admitting=lambda: bool(answers["admitting"]),
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
        "queue_lag_seconds",
        "tls_expiry_timestamp_seconds",
        "webhook_configured",
        "foreign_webhooks",
        "pending_details",
    )
    assert [value(made, name) for name in names] == [0, 0, 0, 0, 0, 0, 0]
    answers |= {"reservations": 7, "admitting": True, "lag": 2.5}
    made.certificate.set_expiry(2e9)
    answers |= {"configured": True, "foreign": 2, "unenforced": 3, "details": 4}
    assert [value(made, name) for name in names] == [7, 1, 2.5, 2e9, 1, 2, 4]
    unenforced = "double_booked_operator_unenforced_calendars"
    reasons = ("FailurePolicyIgnore", "NamespaceNotSelected", "Unknown", "WebhookNotFound")
    assert [made.registry.get_sample_value(unenforced, {"reason": each}) for each in reasons] == [
        0,
        0,
        0,
        3,
    ]


def test_counters_begin_at_zero_so_that_the_first_error_is_an_increase() -> None:
    made = Metrics()
    assert value(made, "reconcile_errors_total") == 0
    assert value(made, "watch_errors_total") == 0
    for result in ("success", "failure"):
        for name in ("tls_reloads_total", "deletions_total"):
            sample = f"double_booked_operator_{name}"
            assert made.registry.get_sample_value(sample, {"result": result}) == 0
