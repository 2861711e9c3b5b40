"""A model of a rollout from the last release to the ledger and back, while processes of both run.

A process of the last release, the old one, keeps its reservations in memory and answers alone while
it holds the Lease. The new ones answer together while the Lease has the holder "ledger", which
whoever looks renews. The check visits every state: one side must never answer while a write that
the other side admitted may still land, or has landed and was not listed.

Run it to print, for each guard that is switched off, a shortest trace to a mistake.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

LEASE = 3
"""Ticks without a renewal after which an old process takes the Lease over."""

TRUST = 2
"""Ticks for which a process trusts what it saw in the Lease, from the start of its look."""

LATE = 2
"""Ticks within which an admitted write may land."""

WAIT = LATE + 1
"""Ticks that a process waits after it took over a Lease that was not released."""

MAX_TERM = 3

NOBODY, OLD, OPENING, LEDGER = "nobody", "old", "ledger-opening", "ledger"
NO_TERM = -1


@dataclass(frozen=True)
class Guards:
    """The guards of a rollout, each of which can be switched off.

    Attributes:
        share_the_lease: New processes answer only while the Lease has the holder "ledger".
        trust_for_a_while: A new process trusts its look at the Lease for TRUST ticks.
        wait_for_old_writes: New processes wait WAIT ticks after they took over the Lease.
        list_in_each_term: A new process lists all objects whenever the Lease became theirs.
    """

    share_the_lease: bool = True
    trust_for_a_while: bool = True
    wait_for_old_writes: bool = True
    list_in_each_term: bool = True


GUARDS = [field.name for field in fields(Guards)]


class Old(NamedTuple):
    """A process of the last release.

    Attributes:
        runs: Whether it runs.
        looked: Ticks since it saw that it holds the Lease, at most TRUST.
        wait: Ticks that it still waits for the writes of others.
        listed: Whether it has listed all objects in this term.
    """

    runs: bool
    looked: int
    wait: int
    listed: bool

    def answers(self) -> bool:
        return self.runs and self.looked < TRUST and self.wait == 0 and self.listed


class New(NamedTuple):
    """A process of the new release.

    Attributes:
        looked: Ticks since it saw the holder "ledger", at most TRUST.
        term: The term in which it saw it; NO_TERM if it last saw another holder.
        listed_term: The term in which it last listed all objects.
        is_behind: Whether a write of the old process landed after its list.
    """

    looked: int
    term: int
    listed_term: int
    is_behind: bool

    def answers(self, guards: Guards) -> bool:
        if not guards.share_the_lease:
            return True
        trusts = self.looked < TRUST or not guards.trust_for_a_while
        listed = self.listed_term == self.term or not guards.list_in_each_term
        return self.term != NO_TERM and trusts and listed


class State(NamedTuple):
    """The Lease, one old and two new processes, and the writes that they admitted.

    Attributes:
        holder: Who holds the Lease.
        unrenewed: Ticks since the Lease was renewed, at most LEASE.
        opening: Ticks since the holder became "ledger-opening", at most WAIT.
        term: How often the Lease has changed hands.
        old: The old process.
        new: The new processes.
        old_write: Ticks since the old process admitted a write, at most LATE + 1.
        new_write: Ticks since a new process did.
    """

    holder: str
    unrenewed: int
    opening: int
    term: int
    old: Old
    new: tuple[New, ...]
    old_write: int
    new_write: int


Steps = Iterator[tuple[str, State]]

UPGRADE = State(
    holder=OLD,
    unrenewed=0,
    opening=0,
    term=0,
    old=Old(runs=True, looked=0, wait=0, listed=True),
    new=(New(looked=TRUST, term=NO_TERM, listed_term=NO_TERM, is_behind=True),) * 2,
    old_write=LATE + 1,
    new_write=LATE + 1,
)
"""An old process answers, and new ones start."""

ROLLBACK = UPGRADE._replace(
    holder=LEDGER,
    old=Old(runs=True, looked=TRUST, wait=0, listed=False),
    new=(New(looked=0, term=0, listed_term=0, is_behind=False),) * 2,
)
"""New processes answer, and an old one starts."""


def mistake(state: State, guards: Guards) -> str:
    """Return what is wrong in a state; empty if nothing is."""
    if any(new.answers(guards) for new in state.new) and state.old_write <= LATE:
        return "a new process answers while a write that the old one admitted may land"
    if any(new.answers(guards) and new.is_behind for new in state.new):
        return "a new process answers without having listed what the old one admitted"
    if state.old.answers() and state.new_write <= LATE:
        return "the old process answers while a write that a new one admitted may land"
    return ""


def steps_from(state: State, guards: Guards) -> Steps:
    """Yield each step that is possible in a state, with the state after it."""
    yield "a tick passes", after_a_tick(state)
    if state.old.runs:
        yield from steps_of_old(state)
    for index in range(len(state.new)):
        yield from steps_of_new(state, index, guards)


def after_a_tick(state: State) -> State:
    """Return a state one tick later."""
    opening = state.opening + 1 if state.holder == OPENING else state.opening
    return state._replace(
        unrenewed=min(state.unrenewed + 1, LEASE),
        opening=min(opening, WAIT),
        old=state.old._replace(
            looked=min(state.old.looked + 1, TRUST), wait=max(0, state.old.wait - 1)
        ),
        new=tuple(new._replace(looked=min(new.looked + 1, TRUST)) for new in state.new),
        old_write=min(state.old_write + 1, LATE + 1),
        new_write=min(state.new_write + 1, LATE + 1),
    )


def steps_of_old(state: State) -> Steps:
    """Yield the steps of the old process."""
    old = state.old
    stopped = Old(runs=False, looked=TRUST, wait=0, listed=False)
    yield "old: crashes", state._replace(old=stopped)
    if state.holder == OLD:
        yield "old: renews the Lease", state._replace(unrenewed=0, old=old._replace(looked=0))
        if old.looked < TRUST and old.wait == 0 and not old.listed:
            yield "old: lists", state._replace(old=old._replace(listed=True))
    else:
        yield from steps_of_old_without_lease(state)
    if old.answers():
        behind = tuple(new._replace(is_behind=True) for new in state.new)
        yield "old: admits a write", state._replace(old_write=0, new=behind)
        if state.old_write > LATE:
            yield "old: stops, releases the Lease", state._replace(holder=NOBODY, old=stopped)


def steps_of_old_without_lease(state: State) -> Steps:
    """Yield the steps of the old process while it does not hold the Lease."""
    if state.old.listed:
        lost = Old(runs=True, looked=TRUST, wait=0, listed=False)
        yield "old: sees that it lost the Lease", state._replace(old=lost)
    if state.term == MAX_TERM:
        return
    taken = state._replace(holder=OLD, unrenewed=0, term=state.term + 1)
    ready = Old(runs=True, looked=0, wait=0, listed=False)
    if state.holder == NOBODY:
        yield "old: takes the released Lease", taken._replace(old=ready)
    elif state.unrenewed == LEASE:
        yield "old: takes the Lease over", taken._replace(old=ready._replace(wait=WAIT))


def steps_of_new(state: State, index: int, guards: Guards) -> Steps:
    """Yield the steps of a new process."""
    name, new = f"new {index + 1}", state.new[index]
    for action, looked in looks(state, guards):
        term = looked.term if looked.holder == LEDGER else NO_TERM
        seen = new._replace(looked=0 if term != NO_TERM else TRUST, term=term)
        yield f"{name}: {action}", with_new(looked, index, seen)
    if new.term not in (NO_TERM, new.listed_term) and new.looked < TRUST:
        listed = new._replace(listed_term=new.term, is_behind=state.old_write <= LATE)
        yield f"{name}: lists", with_new(state, index, listed)
    if new.answers(guards):
        yield f"{name}: admits a write", state._replace(new_write=0)


def looks(state: State, guards: Guards) -> Steps:
    """Yield what a look of a new process at the Lease makes of it."""
    if state.holder == LEDGER:
        yield "renews the Lease", state._replace(unrenewed=0)
    elif state.holder == OPENING:
        yield "renews the Lease, waits", state._replace(unrenewed=0)
        if state.opening == WAIT or not guards.wait_for_old_writes:
            yield "has waited, opens", state._replace(holder=LEDGER, unrenewed=0)
    elif state.holder == OLD:
        yield "sees the old holder", state
        if state.unrenewed == LEASE and state.term < MAX_TERM:
            taken = state._replace(holder=OPENING, unrenewed=0, opening=0, term=state.term + 1)
            yield "takes the Lease over, waits", taken
    elif state.term < MAX_TERM:
        taken = state._replace(holder=LEDGER, unrenewed=0, term=state.term + 1)
        yield "takes the released Lease", taken


def with_new(state: State, index: int, new: New) -> State:
    """Return a state with one of the new processes changed."""
    return state._replace(new=(*state.new[:index], new, *state.new[index + 1 :]))


class Checked(NamedTuple):
    """The result of a check: the states that were visited, and a shortest trace to a mistake."""

    states: int
    mistake: str
    trace: list[str]


def check(guards: Guards) -> Checked:
    """Visit the states that an upgrade or a rollback can reach, until one has a mistake."""
    origins: dict[State, tuple[State, str] | None] = {UPGRADE: None, ROLLBACK: None}
    waiting = deque(origins)
    while waiting:
        state = waiting.popleft()
        if found := mistake(state, guards):
            return Checked(len(origins), found, trace_to(state, origins.__getitem__))
        for action, following in steps_from(state, guards):
            if following not in origins:
                origins[following] = state, action
                waiting.append(following)
    return Checked(len(origins), "", [])


def trace_to(state: State, origin_of: Callable[[State], tuple[State, str] | None]) -> list[str]:
    """Return the actions that lead to a state."""
    trace = []
    while origin := origin_of(state):
        state, action = origin
        trace.append(action)
    return trace[::-1]


def main() -> None:
    """Check with all guards, and without each."""
    checked = check(Guards())
    print(f"all guards: {checked.mistake or 'holds'}, {checked.states} states")
    for name in GUARDS:
        checked = check(replace(Guards(), **{name: False}))
        print(f"without {name}: {checked.mistake or 'holds'}, {checked.states} states")
        print(
            *(f"  {number}. {action}" for number, action in enumerate(checked.trace, 1)), sep="\n"
        )


if __name__ == "__main__":
    main()
