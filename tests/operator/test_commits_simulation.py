"""Random histories of simulated replicas never exceed a capacity; without a guard, some do.

Every run is drawn from its seed: which faults there are, and how many slots, calendars and clients.
`events` is the order in which the simulated API server stored everything, so the check is exact.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog

from double_booked.operator import commits, ledger, reviews, store
from double_booked.operator.admission import CapacityView
from double_booked.operator.cluster import ClusterError
from double_booked.operator.commits import Commits, NotAdmittingError
from double_booked.operator.objects import Booking, Calendar
from double_booked.operator.reviews import RejectionError, Reviewer
from e2e.history import violations

from .factories import TEAM, raw_booking
from .fake_api_server import LEDGER
from .simulation import Faults, Replica, SimulatedLoop, Simulation, arguments_of, now, path_of

SECONDS = 150.0
"""The simulated time of a run."""

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What clients do in a run; `rules` is the share of changes of a capacity."""

    calendars: int
    capacity: int
    slots: int
    clients: int
    pause: float
    rules: float
    faults: Faults

    @classmethod
    def draw(cls, seed: int) -> "Plan":
        """Draw a plan; each fault is in about half of all plans."""
        chooser = random.Random(f"plan-{seed}")  # noqa: S311 - no secret

        def some(*values: float) -> float:
            return chooser.choice((0.0, *values)) if chooser.random() < 0.8 else 0.0

        faults = Faults(
            delay=chooser.choice((0.01, 0.1, 0.5)),
            hang=some(0.005, 0.03),
            lost=some(0.05, 0.2),
            lag=some(5.0, 40.0, 120.0),
            late=some(0.1, 0.5),
            refused=some(0.1, 0.3),
            crash=some(20.0, 60.0),
            loss=some(150.0),
            slow=chooser.choice((1.0, 0.3)),
        )
        return cls(
            chooser.choice((1, 2)), chooser.choice((1, 1, 2)), chooser.choice((2, 4, 8)),
            chooser.choice((4, 8, 12)), chooser.choice((1.0, 4.0)),
            chooser.choice((0.05, 0.3)), faults,
        )  # fmt: skip


class Client:
    """A client that books, moves and deletes at random, and repeats what failed."""

    def __init__(self, number: int, plan: Plan, simulation: Simulation) -> None:
        self._number = number
        self._plan = plan
        self._simulation = simulation
        self._chooser = random.Random(simulation.chooser.random())  # noqa: S311 - no secret

    async def work(self) -> None:
        """Send requests until the run ends."""
        while True:
            await asyncio.sleep(self._chooser.expovariate(1 / self._plan.pause))
            await self._one()

    async def _one(self) -> None:
        simulation, chooser = self._simulation, self._chooser
        if chooser.random() < self._plan.rules:
            capacity = chooser.choice((1, self._plan.capacity, self._plan.capacity + 1))
            calendar = f"c{chooser.randrange(self._plan.calendars)}"
            await simulation.change("calendars", calendar, {"capacity": capacity})
            return
        name = f"b{self._number}-{chooser.randrange(2)}"
        stored = simulation.api.objects.get(path_of("bookings", name))
        if stored is None:
            await simulation.create(name, self._spec(name))
        elif chooser.random() < 0.6:
            simulation.delete(name)
        else:
            moved = chooser.random() < 0.7
            wanted = self._spec(name) if moved else stored["spec"] | {"replaces": []}
            if await simulation.change("bookings", name, wanted) == "failed":
                await asyncio.sleep(chooser.uniform(0.0, 50.0))
                await simulation.change("bookings", name, wanted)

    def _spec(self, name: str) -> Raw:
        chooser = self._chooser
        start = chooser.randrange(self._plan.slots)
        end = start + chooser.choice((1, 1, 2))
        calendars = [f"c{number}" for number in range(self._plan.calendars)]
        others = [raw["metadata"]["name"] for raw in self._simulation.api.bookings()]
        others = sorted({one for one in others if one not in {name, "anchor"}})
        return {
            "start": f"2026-12-01T{start:02}:00:00Z",
            "end": f"2026-12-01T{end:02}:00:00Z",
            "calendars": chooser.sample(calendars, chooser.randint(1, len(calendars))),
            "replaces": [chooser.choice(others)] if others and chooser.random() < 0.2 else [],
        }


async def run(seed: int, plan: Plan, *, seconds: float = SECONDS) -> Simulation:
    """Run a plan until its time is over or a calendar is over its capacity."""
    random.seed(seed)  # the reflectors' jitter
    simulation = Simulation(seed, plan.faults, replicas=3)
    for number in range(plan.calendars):
        path = path_of("calendars", f"c{number}")
        simulation.store(path, {"spec": {"capacity": plan.capacity}})
    # As something is always booked, a ledger that is lost is always waited for.
    simulation.store(path_of("bookings", "anchor"), {"spec": spec(9)})
    simulation.store_open_ledger()
    await simulation.start()
    clients = [Client(number, plan, simulation) for number in range(plan.clients)]
    tasks = [asyncio.create_task(client.work()) for client in clients]
    tasks.append(asyncio.create_task(break_things(plan.faults, simulation)))
    begin = now()
    while now() < begin + seconds and not violations(simulation.events(), simulation.writes):
        await asyncio.sleep(20.0)
        for task in tasks:
            if task.done():
                task.result()
    return simulation


async def break_things(faults: Faults, simulation: Simulation) -> None:
    """Let watches lag, kill replicas and lose ledgers, at random."""
    chooser = simulation.chooser
    while True:
        await asyncio.sleep(1.0)
        if chooser.random() < 0.1:
            replica = chooser.choice(simulation.replicas)
            replica.link.lag = chooser.choice((0.0, chooser.uniform(0.0, faults.lag)))
        if faults.crash and chooser.random() < 1 / faults.crash:
            await simulation.crash()
        if faults.loss and chooser.random() < 1 / faults.loss:
            simulation.api.delete(LEDGER)


def found_in(seed: int) -> tuple[Simulation, list[str]]:
    """Run the plan of a seed; return it, and what exceeded a capacity."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        simulation = runner.run(run(seed, Plan.draw(seed)))
        return simulation, violations(simulation.events(), simulation.writes)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Drop the log: many thousand lines."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.configure(**before)


Remove = Callable[[pytest.MonkeyPatch], None]


def without_cas(patch: pytest.MonkeyPatch) -> None:
    """Replace the ledger whatever is stored."""

    def blind(one: ledger.Ledger) -> Raw:
        raw = ledger.ledger_json(one)
        raw["metadata"].pop("resourceVersion", None)
        return raw

    patch.setattr(commits, "ledger_json", blind)


def without_waiting_for_the_watermark(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Commits, "_is_caught_up", lambda *_: True)


def without_raising_the_watermark(patch: pytest.MonkeyPatch) -> None:
    def keep(one: ledger.Ledger, settled: dict[str, int]) -> ledger.Ledger:
        return ledger.prune(one, dict.fromkeys(settled, 0))

    patch.setattr(commits, "prune", keep)


def without_reserving_before_the_answer(patch: pytest.MonkeyPatch) -> None:
    write = Commits._write  # noqa: SLF001

    async def later(self: Commits, one: ledger.Ledger) -> bool:
        async def write_later() -> None:
            with contextlib.suppress(ClusterError):
                await write(self, one)

        task = asyncio.create_task(write_later())
        _BACKGROUND.add(task)
        task.add_done_callback(_BACKGROUND.discard)
        return True

    patch.setattr(Commits, "_write", later)


_BACKGROUND: set[asyncio.Task[None]] = set()


def with_expiry_before_late_writes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commits, "EXPIRY_SECONDS", 20.0)


def with_the_same_id_on_renewal(patch: pytest.MonkeyPatch) -> None:
    def reserve(wanted: Any, before: Any) -> ledger.Reservation:
        made = ledger.reserve(wanted, before)
        return replace(made, id=f"{hash(ledger._content(made)):x}")  # noqa: SLF001

    patch.setattr(reviews, "reserve", reserve)


def without_a_look_before_expiry(patch: pytest.MonkeyPatch) -> None:
    async def drop(self: Any, reservation: ledger.Reservation) -> None:
        self._ledgers.note_look(reservation.key.namespace, reservation.id, 0)

    patch.setattr(Commits, "_look", drop)


def without_calendars_on_the_ledger(patch: pytest.MonkeyPatch) -> None:
    async def admit(*_: Any, **__: Any) -> list[str]:
        return []

    patch.setattr(Reviewer, "review_calendar", admit)


def without_the_strictest_rules(patch: pytest.MonkeyPatch) -> None:
    def cached(self: CapacityView, calendar: Any) -> Any:
        found = self.schedule.calendars.get(calendar)
        return found.rules if found else None

    patch.setattr(CapacityView, "rules", cached)


def with_the_reviewed_version_settling(patch: pytest.MonkeyPatch) -> None:
    def settled(one: ledger.Reservation, observed: Booking | Calendar | None, deleted: int) -> int:
        if one.old_version and observed and observed.metadata.version >= one.old_version:
            return observed.metadata.version
        return ledger.settled_version(one, observed, deleted)

    _patch_settled(patch, settled)


def with_the_name_settling(patch: pytest.MonkeyPatch) -> None:
    def settled(one: ledger.Reservation, observed: Booking | Calendar | None, deleted: int) -> int:
        by_name = observed.metadata.version if observed else 0
        return by_name or ledger.settled_version(one, observed, deleted)

    _patch_settled(patch, settled)


def _patch_settled(patch: pytest.MonkeyPatch, settled: Any) -> None:
    patch.setattr(store, "settled_version", settled)
    patch.setattr(commits, "settled_version", settled)


def with_new_ledgers_open(patch: pytest.MonkeyPatch) -> None:
    open_closed = Commits._open  # noqa: SLF001

    async def open_at_once(self: Commits, one: ledger.Ledger, *, at_once: bool = True) -> None:
        del at_once
        await open_closed(self, one, at_once=True)

    patch.setattr(Commits, "_open", open_at_once)


def without_a_list_before_opening(patch: pytest.MonkeyPatch) -> None:
    def open_old(one: ledger.Ledger, _bookings: int, _calendars: int) -> ledger.Ledger:
        return ledger.open_ledger(one, one.bookings_version, one.calendars_version)

    patch.setattr(commits, "open_ledger", open_old)


def with_dropped_links_admitted_at_once(patch: pytest.MonkeyPatch) -> None:
    adds_nothing = reviews._adds_nothing  # noqa: SLF001

    def ignores_links(wanted: Booking, before: Booking) -> bool:
        return adds_nothing(wanted, replace(before, replaces=wanted.replaces))

    patch.setattr(reviews, "_adds_nothing", ignores_links)


async def renewed(simulation: Simulation) -> None:
    """Send a change again 50 s after it failed, and store it 20 s later."""
    one, other = simulation.replicas
    old = simulation.store(path_of("bookings", "a"), {"spec": spec(0)})
    moved = old | {"spec": spec(1)}
    assert await admits(one, moved, old)
    await asyncio.sleep(50)
    assert await admits(one, moved, old)
    await asyncio.sleep(12)
    await book(simulation, other, "b", 1)
    await asyncio.sleep(8)
    simulation.api.put(path_of("bookings", "a"), moved)


async def stored_unseen(simulation: Simulation) -> None:
    """Store a booking that no watch brings for minutes."""
    one, other = simulation.replicas
    for replica in simulation.replicas:
        replica.link.lag = 200.0
    await book(simulation, one, "a", 1)
    await other.commits.refresh(TEAM)
    await asyncio.sleep(62)
    await book(simulation, other, "b", 1)


async def lost_ledger(simulation: Simulation) -> None:
    """Lose the ledger while a booking is under way."""
    one, other = simulation.replicas
    late = raw("a", 1)
    assert await admits(one, late)
    simulation.api.delete(LEDGER)
    await asyncio.sleep(1)
    await book(simulation, other, "b", 1)
    simulation.api.put(path_of("bookings", "a"), late)


async def stored_while_closed(simulation: Simulation) -> None:
    """Lose the ledger, and store a booking of it before the next one opens."""
    one, lagging = simulation.replicas
    lagging.link.lag = 200.0
    late = raw("a", 1)
    assert await admits(one, late)
    simulation.api.delete(LEDGER)
    await asyncio.sleep(1)
    assert not await admits(one, raw("c", 2))
    await asyncio.sleep(10)
    simulation.api.put(path_of("bookings", "a"), late)
    await asyncio.sleep(60)
    await book(simulation, lagging, "b", 1)
    assert await admits(one, raw("c", 2))


Scenario = Callable[[Simulation], Coroutine[Any, Any, None]]


def found_by(scenario: Scenario) -> list[str]:
    """Play a scenario on two replicas; return what exceeded a capacity."""

    async def play() -> list[str]:
        simulation = Simulation("scenario", Faults())
        simulation.store(path_of("calendars", "c0"), {"spec": {}})
        simulation.store(path_of("bookings", "anchor"), {"spec": spec(9)})
        simulation.store_open_ledger()
        await simulation.start()
        await scenario(simulation)
        return violations(simulation.events())

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(play())


def spec(hour: int) -> Raw:
    """Return the spec of a booking of one hour."""
    day = "2026-12-01T"
    return {
        "start": f"{day}{hour:02}:00:00Z",
        "end": f"{day}{hour + 1:02}:00:00Z",
        "calendars": ["c0"],
    }


def raw(name: str, hour: int) -> Raw:
    return raw_booking(name, **arguments_of(spec(hour)), resourceVersion="")


async def admits(replica: Replica, new: Raw, old: Raw | None = None) -> bool:
    """Send a review; return whether it is admitted."""
    try:
        await replica.review("bookings", new, old)
    except (RejectionError, NotAdmittingError):
        return False
    return True


async def book(simulation: Simulation, replica: Replica, name: str, hour: int) -> None:
    """Create a booking of one hour if a replica admits it."""
    if await admits(replica, raw(name, hour)):
        simulation.api.put(path_of("bookings", name), raw(name, hour))


SEEDS = range(12)
MOST_SEEDS = 60
CAUGHT_BY_SEARCH = {  # with a seed that caught it when it was written
    without_cas: 6,
    without_waiting_for_the_watermark: 5,
    without_raising_the_watermark: 5,
    without_reserving_before_the_answer: 0,
    with_expiry_before_late_writes: 1,
    without_calendars_on_the_ledger: 15,
    without_the_strictest_rules: 5,
    with_the_reviewed_version_settling: 17,
    with_the_name_settling: 5,
    with_dropped_links_admitted_at_once: 14,
}
CAUGHT_BY_SCENARIO = {
    with_the_same_id_on_renewal: renewed,
    without_a_look_before_expiry: stored_unseen,
    with_new_ledgers_open: lost_ledger,
    without_a_list_before_opening: stored_while_closed,
}


def test_no_history_exceeds_a_capacity() -> None:
    landed = 0
    for seed in SEEDS:
        simulation, found = found_in(seed)
        assert found == [], f"seed {seed}"
        landed += sum(write.outcome == "stored" for write in simulation.writes)
    assert landed > 400


@pytest.mark.parametrize("scenario", CAUGHT_BY_SCENARIO.values())
def test_no_scenario_exceeds_a_capacity(scenario: Scenario) -> None:
    assert found_by(scenario) == []


@pytest.mark.parametrize(("remove", "seed"), CAUGHT_BY_SEARCH.items())
def test_search_catches_a_missing_guard(
    remove: Remove, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch)
    # Any change of the code changes what happens in each run, so others are tried if need be.
    assert any(found_in(other)[1] for other in (seed, *range(MOST_SEEDS)))


@pytest.mark.parametrize(("remove", "scenario"), CAUGHT_BY_SCENARIO.items())
def test_scenario_catches_a_missing_guard(
    remove: Remove, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(monkeypatch)
    assert found_by(scenario)
