"""Admitted writes stay reserved until they are observed."""

from dataclasses import replace

import pytest

from double_booked.operator.objects import Booking, NamespacedName
from double_booked.operator.reservations import (
    MAX_RESERVATIONS,
    WRITE_SECONDS,
    Reservations,
    TooManyReservationsError,
)

from .factories import Clock, booking, calendar, key


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reservations(clock: Clock) -> Reservations:
    return Reservations(clock)


def wanted(reservations: Reservations) -> list[Booking]:
    return list(reservations.wanted_on(key("staging")))


def test_reservation_of_an_update_stays_until_a_newer_object_is_observed(
    reservations: Reservations,
) -> None:
    reservations.add(booking("a", 9, 10, version=3), reviewed_version=2)
    reservations.on_observed(booking("a", 8, 9, version=2))
    assert len(reservations) == 1
    reservations.on_observed(booking("a", 9, 10, version=3))
    assert len(reservations) == 0
    reservations.add(booking("a", 9, 10, version=4), reviewed_version=3)
    reservations.on_observed(booking("a", 9, 10, version=7))
    assert len(reservations) == 0


def test_status_write_releases_an_update_which_is_then_reviewed_again(
    reservations: Reservations,
) -> None:
    reservations.add(booking("a", 9, 10, version=4), reviewed_version=3)
    former = booking("a", 8, 9, version=3)
    reservations.on_observed(replace(former, metadata=replace(former.metadata, version=4)))
    assert len(reservations) == 0


def test_deletion_releases_the_reservation_of_an_update(reservations: Reservations) -> None:
    reservations.add(booking("a", 9, 10, version=4), reviewed_version=3)
    reservations.on_observed(booking("a", 11, 12, uid="another", version=6))
    assert len(reservations) == 0
    reservations.add(booking("a", 9, 10, version=4), reviewed_version=3)
    reservations.on_deleted(booking("a", 8, 9, version=5))
    assert len(reservations) == 0


def test_reservation_stays_if_another_object_of_its_name_is_observed(
    reservations: Reservations,
) -> None:
    reservations.add(booking("a", 9, 10, uid="new"))
    reservations.on_observed(booking("a", 8, 9, uid="old", version=9))
    reservations.on_deleted(booking("a", 8, 9, uid="old", version=10))
    assert wanted(reservations) == [booking("a", 9, 10, uid="new")]
    reservations.on_deleted(booking("a", 9, 10, uid="new", version=11))
    assert wanted(reservations) == []


def test_two_writes_of_one_generation_stay_reserved_until_one_is_observed(
    reservations: Reservations,
) -> None:
    reservations.add(booking("a", 9, 10, version=2))
    reservations.add(booking("a", 11, 12, version=2))
    assert len(wanted(reservations)) == 2
    reservations.on_observed(booking("a", 11, 12, version=2))
    assert wanted(reservations) == []


def test_retried_review_renews_its_reservation(reservations: Reservations, clock: Clock) -> None:
    reservations.add(booking("a", 9, 10))
    clock.now += WRITE_SECONDS - 1
    reservations.add(booking("a", 9, 10))
    assert len(reservations) == 1
    clock.now += 2
    assert reservations.expired() == []
    clock.now += WRITE_SECONDS
    [due] = reservations.expired()
    reservations.expire(due)
    assert len(reservations) == 0


def test_renewed_reservation_does_not_expire(reservations: Reservations, clock: Clock) -> None:
    reservations.add(booking("a", 9, 10))
    clock.now += WRITE_SECONDS
    [former] = reservations.expired()
    reservations.add(booking("a", 9, 10))
    reservations.expire(former)
    assert len(reservations) == 1


def test_reserved_booking_is_on_its_calendars(reservations: Reservations) -> None:
    reservations.add(booking("a", 9, 10, "gpu", "staging"))
    reservations.add(booking("b", 9, 10, "gpu"))
    other = booking("c", 9, 10)
    reservations.add(
        replace(other, metadata=replace(other.metadata, key=replace(key("c"), namespace="x")))
    )
    assert [one.key.name for one in wanted(reservations)] == ["a"]


def test_rules_of_every_reserved_write_are_returned(reservations: Reservations) -> None:
    reservations.add(calendar(capacity=3, version=2), reviewed_version=1)
    reservations.add(calendar(capacity=2, version=3), reviewed_version=2)
    assert [rules.capacity for rules in reservations.rules_for(key("staging"))] == [3, 2]
    reservations.on_observed(calendar(capacity=3, version=2))
    assert [rules.capacity for rules in reservations.rules_for(key("staging"))] == [2]


def test_full_namespace_does_not_affect_another(
    reservations: Reservations,
) -> None:
    for number in range(MAX_RESERVATIONS):
        reservations.add(booking(f"b{number}", 9, 10))
    with pytest.raises(
        TooManyReservationsError, match="1000 writes of namespace team are under way"
    ):
        reservations.add(booking("one-more", 9, 10))
    assert not reservations.has_booking(key("one-more"))
    reservations.add(booking("b0", 9, 10))
    elsewhere = replace(calendar().metadata, key=NamespacedName("elsewhere", "staging"))
    reservations.add(replace(calendar(), metadata=elsewhere))
    assert len(reservations) == MAX_RESERVATIONS + 1
    reservations.on_observed(booking("b1", 9, 10))
    reservations.add(booking("one-more", 9, 10))
