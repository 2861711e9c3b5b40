"""How much may be under way is bounded, whatever order its parts come and end in."""

import pytest

from double_booked.conflicts.limits import LimitExceeded
from double_booked.server.budget import Budget


def test_calls_over_the_limit_are_refused_until_one_ends() -> None:
    budget = Budget(max_calls=1, max_bytes=0)
    budget.add_call()
    with pytest.raises(LimitExceeded, match="MAX_CONCURRENT_RPCS = 1"):
        budget.add_call()
    budget.end_call()
    budget.add_call()
    assert budget.calls == 1


def test_bytes_over_the_limit_are_refused_until_others_are_given_back() -> None:
    budget = Budget(max_calls=2, max_bytes=10)
    first, second = budget.share(), budget.share()
    first.resize(6)
    with pytest.raises(LimitExceeded, match="MAX_BYTES_IN_FLIGHT = 10"):
        second.resize(5)
    assert (budget.bytes_in_flight, second.size) == (6, 0)
    first.end()
    second.resize(10)
    assert budget.bytes_in_flight == 10


def test_a_share_that_shrinks_is_never_refused() -> None:
    budget = Budget(max_calls=1, max_bytes=10)
    share = budget.share()
    share.become(20)
    share.resize(15)
    assert budget.bytes_in_flight == 15


def test_an_answer_that_is_in_memory_counts_even_over_the_limit() -> None:
    budget = Budget(max_calls=2, max_bytes=10)
    answered, other = budget.share(), budget.share()
    answered.resize(10)
    answered.become(12)
    with pytest.raises(LimitExceeded):
        other.resize(1)


def test_a_share_that_has_ended_takes_nothing_more() -> None:
    budget = Budget(max_calls=1, max_bytes=10)
    share = budget.share()
    share.resize(5)
    share.end()
    share.become(7)
    share.end()
    assert budget.bytes_in_flight == 0
