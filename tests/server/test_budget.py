"""How much may be under way is bounded, whatever order its parts come and end in."""

import pytest

from double_booked.conflicts.limits import LimitExceededError
from double_booked.server.budget import Budget, CallLimit


def test_calls_over_the_limit_are_refused_until_one_ends() -> None:
    limit = CallLimit("calls", 1)
    limit.acquire()
    with pytest.raises(
        LimitExceededError, match="more calls at a time than MAX_CONCURRENT_RPCS = 1"
    ):
        limit.acquire()
    limit.release()
    limit.acquire()
    assert limit.count == 1


def test_bytes_over_the_limit_are_refused_until_others_are_given_back() -> None:
    budget = Budget(max_bytes=10)
    first, second = budget.share(), budget.share()
    first.resize(6)
    with pytest.raises(LimitExceededError, match="MAX_BYTES_IN_FLIGHT = 10"):
        second.resize(5)
    assert (budget.bytes_in_flight, second.size) == (6, 0)
    first.release()
    second.resize(10)
    assert budget.bytes_in_flight == 10


def test_a_share_that_shrinks_is_never_refused() -> None:
    budget = Budget(max_bytes=10)
    share = budget.share()
    share.keep(20)
    share.resize(15)
    assert budget.bytes_in_flight == 15


def test_what_is_in_memory_is_refused_where_others_leave_no_room_for_it() -> None:
    budget = Budget(max_bytes=10)
    answered, other = budget.share(), budget.share()
    answered.resize(5)
    other.resize(5)
    with pytest.raises(LimitExceededError, match="MAX_BYTES_IN_FLIGHT = 10"):
        answered.keep(6)
    assert answered.size == 5


def test_what_is_in_memory_is_kept_where_no_other_call_holds_any_bytes() -> None:
    budget = Budget(max_bytes=10)
    answered, other = budget.share(), budget.share()
    answered.resize(10)
    answered.keep(12)
    with pytest.raises(LimitExceededError):
        other.keep(1)


def test_a_share_that_has_ended_takes_nothing_more() -> None:
    budget = Budget(max_bytes=10)
    share = budget.share()
    share.resize(5)
    share.release()
    share.keep(7)
    share.release()
    assert budget.bytes_in_flight == 0
