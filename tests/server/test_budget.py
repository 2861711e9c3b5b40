"""Calls and bytes in flight stay within their limits."""

import pytest

from double_booked.conflicts.limits import LimitExceededError
from double_booked.server.budget import Budget, CallLimit


def test_call_limit_refuses_calls_until_one_ends() -> None:
    limit = CallLimit("calls", 1)
    limit.acquire()
    with pytest.raises(
        LimitExceededError, match="more calls at a time than MAX_CONCURRENT_RPCS = 1"
    ):
        limit.acquire()
    limit.release()
    limit.acquire()
    assert limit.count == 1


def test_budget_refuses_bytes_until_others_are_released() -> None:
    budget = Budget(max_bytes=10)
    first, second = budget.share(), budget.share()
    first.resize(6)
    with pytest.raises(LimitExceededError, match="MAX_BYTES_IN_FLIGHT = 10"):
        second.resize(5)
    assert (budget.bytes_in_flight, second.size) == (6, 0)
    first.release()
    second.resize(10)
    assert budget.bytes_in_flight == 10


def test_share_may_always_shrink() -> None:
    budget = Budget(max_bytes=10)
    share = budget.share()
    share.keep(20)
    share.resize(15)
    assert budget.bytes_in_flight == 15


def test_keep_is_refused_if_other_calls_leave_no_room() -> None:
    budget = Budget(max_bytes=10)
    answered, other = budget.share(), budget.share()
    answered.resize(5)
    other.resize(5)
    with pytest.raises(LimitExceededError, match="MAX_BYTES_IN_FLIGHT = 10"):
        answered.keep(6)
    assert answered.size == 5


def test_keep_is_never_refused_for_the_only_call_with_bytes() -> None:
    budget = Budget(max_bytes=10)
    answered, other = budget.share(), budget.share()
    answered.resize(10)
    answered.keep(12)
    with pytest.raises(LimitExceededError):
        other.keep(1)


def test_released_share_holds_no_more_bytes() -> None:
    budget = Budget(max_bytes=10)
    share = budget.share()
    share.resize(5)
    share.release()
    share.keep(7)
    share.release()
    assert budget.bytes_in_flight == 0
