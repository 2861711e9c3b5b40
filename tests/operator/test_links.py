"""Linked bookings have as many pairs as a maximum matching, whatever their links."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.links import MAX_LINKED, Links, count_pairs, linked_with, make_links
from double_booked.operator.objects import NamespacedName

from .factories import key


def keys(names: str) -> set[NamespacedName]:
    return {key(name) for name in names}


def links(*pairs: str) -> Links:
    """Return links from pairs of one-letter names, like "ab"."""
    names = {name for pair in pairs for name in pair}
    return make_links([(key(one), [key(other)]) for one, other in pairs], keys("".join(names)))


def pairs(present: str, *links_between: str) -> int:
    return count_pairs(keys(present), links(*links_between))


def largest_matching(
    present: frozenset[NamespacedName], edges: frozenset[frozenset[NamespacedName]]
) -> int:
    """Return the size of a maximum matching, by trying every pair."""
    usable = [edge for edge in edges if edge <= present]
    return max((1 + largest_matching(present - edge, edges) for edge in usable), default=0)


def test_a_linked_pair_counts_once() -> None:
    assert pairs("ab", "ba") == 1


def test_only_pairs_whose_bookings_are_both_present_count() -> None:
    assert pairs("a", "ba") == 0
    assert pairs("ac", "ba", "cb") == 0


def test_a_booking_is_discounted_against_at_most_one_other() -> None:
    assert pairs("abc", "ba", "ca") == 1


def test_a_chain_of_four_is_two_pairs() -> None:
    assert pairs("abcd", "ba", "cb", "dc") == 2


def test_a_swap_is_one_pair_though_each_names_the_other() -> None:
    assert pairs("ab", "ab", "ba") == 1


def test_a_circle_of_three_is_one_pair() -> None:
    assert pairs("abc", "ab", "bc", "ca") == 1


def test_a_booking_is_linked_neither_with_itself_nor_with_missing_ones() -> None:
    assert make_links([(key("a"), [key("a"), key("gone")])], keys("a")) == {}


def test_linked_with_follows_links_in_both_directions() -> None:
    assert linked_with(key("c"), links("ba", "cb", "xy")) == keys("abc")


@pytest.mark.parametrize(("size", "expected"), [(MAX_LINKED, MAX_LINKED // 2), (MAX_LINKED + 2, 0)])
def test_more_linked_bookings_than_the_limit_count_in_full(size: int, expected: int) -> None:
    chain = [key(f"{number:03}") for number in range(size)]
    named = list(zip(chain, ([other] for other in chain[1:]), strict=False))
    assert count_pairs(chain, make_links(named, chain)) == expected


letters = st.sampled_from("abcdefgh")
edges_between = st.sets(st.tuples(letters, letters).map("".join), max_size=14)


@given(st.sets(letters), edges_between)
def test_pairs_are_a_maximum_matching(present: set[str], between: set[str]) -> None:
    edges = frozenset(frozenset(keys(pair)) for pair in between if pair[0] != pair[1])
    expected = largest_matching(frozenset(keys("".join(present))), edges)
    assert pairs("".join(present), *between) == expected


@given(edges_between)
def test_removing_a_booking_never_raises_the_depth_and_a_link_never_lowers_it(
    between: set[str],
) -> None:
    everyone = "abcdefgh"
    depth = len(everyone) - pairs(everyone, *between)
    for gone in everyone:
        left = everyone.replace(gone, "")
        assert len(left) - pairs(left, *between) <= depth
    for fewer in combinations(between, len(between) - 1 if between else 0):
        assert len(everyone) - pairs(everyone, *fewer) >= depth
