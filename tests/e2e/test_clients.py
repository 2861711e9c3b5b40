"""Test how kubectl and Helm show rejections, and how renames and swaps in Git converge."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from double_booked.operator.cluster import ClusterError
from e2e.conftest import Namespace, tool
from e2e.operator_process import (
    NEXT,
    NINE,
    Finished,
    Process,
    Team,
    kubectl,
    manifest,
    operating,
    team,
)

RUNS = 2
"""Number of runs in which a change must converge."""

BOOKINGS = "bookings.double-booked.io"
"""The full resource name, in case another group has bookings, too."""

APPLY = ("apply", "--filename=-")
SERVER_SIDE = (*APPLY, "--server-side")
PRUNE = (
    *APPLY,
    "--selector=app=plan",
    "--prune",
    "--prune-allowlist=double-booked.io/v1alpha1/Booking",
)
HALF_PAST = ("2026-12-01T09:00:00Z", "2026-12-01T10:30:00Z")
HELMS = pytest.mark.parametrize("helm", ["helm", "helm3"])


@pytest.fixture
async def bookers(place: Namespace, process: Process) -> AsyncIterator[Team]:  # noqa: ARG001
    """Create the Calendar `staging`, with an operator that reviews writes."""
    async with team(place.name) as found:
        await found.calendar("staging")
        yield found


@pytest.fixture
def process(place: Namespace, tmp_path: Path) -> Iterator[Process]:
    with operating(place.name, tmp_path) as running:
        yield running


@pytest.fixture
async def two(bookers: Team) -> Team:
    """Book an hour for `a` and the next one for `load-test`."""
    await bookers.book("a", *NINE, "staging")
    await bookers.book("load-test", *NEXT, "staging")
    return bookers


def assert_refused(result: Finished, name: str, codes: Sequence[int] = (1,)) -> None:
    """Assert that a client failed with the message of the operator and without a stack trace."""
    everything = result.stdout + result.stderr
    assert result.returncode in codes, everything
    sentence = f"{name} would be double-booked: calendar staging takes 1 at a time, and load-test"
    assert f"{sentence} has it from 2026-12-01T10:00:00Z to" in everything, everything
    assert "Free from 2026-12-0" in everything
    for word in ("panic", "SIGSEGV", "goroutine", "conflict", "has been modified", "force"):
        assert word not in everything, everything


def demo(name: str = "demo") -> dict[str, Any]:
    """Return a Booking that overlaps with `load-test`."""
    return manifest(name, *NEXT, "staging")


def planned(name: str, start: str, end: str, **spec: Any) -> dict[str, Any]:
    """Return a Booking as it is in Git, with a label for pruning."""
    found = manifest(name, start, end, "staging", **spec)
    found["metadata"]["labels"] = {"app": "plan"}
    return found


def listed(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": items}


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("options", [(), ("--server-side",)])
async def test_kubectl_diff_of_a_rejected_booking_fails_with_the_message(
    place: Namespace, options: tuple[str, ...]
) -> None:
    diff = ("diff", "--filename=-", *options)
    assert_refused(await kubectl(place, *diff, content=demo()), "demo", codes=(1, 2))
    free = manifest("b", *planned_free(), "staging")
    assert (await kubectl(place, *APPLY, *options, content=free)).returncode == 0
    assert_refused(await kubectl(place, *diff, content=demo("b")), "b", codes=(1, 2))


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("command", [("create", "--filename=-"), APPLY, SERVER_SIDE])
async def test_kubectl_shows_the_message_for_a_rejected_booking(
    place: Namespace, command: tuple[str, ...]
) -> None:
    assert_refused(await kubectl(place, *command, content=demo()), "demo")


@pytest.mark.parametrize("command", [APPLY, SERVER_SIDE, ("replace", "--filename=-")])
async def test_kubectl_shows_the_message_for_a_rejected_move(
    place: Namespace, two: Team, command: tuple[str, ...]
) -> None:
    before = planned("b", "2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z")
    command_before = command if command[0] == "apply" else APPLY
    assert (await kubectl(place, *command_before, content=before)).returncode == 0
    assert_refused(await kubectl(place, *command, content=planned("b", *NEXT)), "b")
    spec = (await two.get("bookings", "b"))["spec"]
    assert spec["end"] == "2026-12-01T09:00:00Z"


@pytest.mark.usefixtures("two")
async def test_kubectl_shows_the_message_for_a_rejected_patch(place: Namespace) -> None:
    patch = json.dumps({"spec": {"end": HALF_PAST[1]}})
    result = await kubectl(place, "patch", BOOKINGS, "a", "--type=merge", f"--patch={patch}")
    assert_refused(result, "a")
    patch = json.dumps([{"op": "replace", "path": "/spec/end", "value": HALF_PAST[1]}])
    result = await kubectl(place, "patch", BOOKINGS, "a", "--type=json", f"--patch={patch}")
    assert_refused(result, "a")


@pytest.mark.usefixtures("two")
async def test_kubectl_shows_the_message_for_a_rejected_edit(
    place: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nsed -i s/{NINE[1]}/{HALF_PAST[1]}/ "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(editor))
    assert_refused(await kubectl(place, "edit", BOOKINGS, "a"), "a")


@pytest.mark.parametrize("command", [APPLY, SERVER_SIDE])
async def test_a_rejected_update_takes_one_quick_review(
    place: Namespace, two: Team, process: Process, command: tuple[str, ...]
) -> None:
    created = await kubectl(place, *command, content=manifest("b", *planned_free(), "staging"))
    assert created.returncode == 0, created.stderr
    name = "double_booked_operator_review_seconds_count"
    took = []
    for _ in range(3):
        before = process.total(name, kind="bookings")
        started = time.monotonic()
        result = await kubectl(place, *command, content=demo("b"))
        took.append(time.monotonic() - started)
        assert_refused(result, "b")
        assert process.total(name, kind="bookings") - before == 1
    # The fastest run counts, because other programs may have slowed down the others.
    assert min(took) < 1
    assert (await two.get("bookings", "b"))["metadata"]["generation"] == 1


def planned_free() -> tuple[str, str]:
    """Return start and end of an hour without other bookings."""
    return "2026-12-01T15:00:00Z", "2026-12-01T16:00:00Z"


class Plan:
    """A chart of Bookings, and its release."""

    def __init__(self, folder: Path, namespace: str, helm: str) -> None:
        self._folder = folder / "plan"
        self._namespace = namespace
        self._helm = helm
        (self._folder / "templates").mkdir(parents=True)
        chart = {"apiVersion": "v2", "name": "plan", "version": "1.0.0"}
        (self._folder / "Chart.yaml").write_text(yaml.safe_dump(chart))

    async def release(self, command: str, *bookings: dict[str, Any]) -> Finished:
        """Install or upgrade the release with these Bookings."""
        content = yaml.safe_dump_all(bookings)
        (self._folder / "templates/bookings.yaml").write_text(content)
        return await asyncio.to_thread(
            subprocess.run,
            [tool(self._helm), command, "plan", str(self._folder), "--namespace", self._namespace],
            text=True,
            capture_output=True,
            check=False,
            env=os.environ | {"HELM_CACHE_HOME": str(self._folder.parent / "cache")},
        )


@HELMS
async def test_helm_shows_the_message_for_a_rejected_booking(
    place: Namespace, two: Team, tmp_path: Path, helm: str
) -> None:
    plan = Plan(tmp_path, place.name, helm)
    assert_refused(await plan.release("install", demo()), "demo")
    again = Plan(tmp_path / "again", place.name, helm)
    await asyncio.to_thread(place.helm, "uninstall", "plan", "--ignore-not-found")
    free = manifest("b", *planned_free(), "staging")
    installed = await again.release("install", free)
    assert installed.returncode == 0, installed.stderr
    assert_refused(await again.release("upgrade", free, demo()), "demo")
    assert_refused(await again.release("upgrade", demo("b")), "b")
    assert (await two.get("bookings", "b"))["spec"]["start"] == planned_free()[0]


@asynccontextmanager
async def thief_of(bookers: Team, start: str, end: str) -> AsyncIterator[list[str]]:
    """Keep trying to book a time; yield the list of admitted names, which must stay empty."""
    stolen: list[str] = []
    tries = 0
    stopped = asyncio.Event()

    async def steal() -> None:
        nonlocal tries
        while not stopped.is_set():
            tries += 1
            try:
                await bookers.book(f"thief-{tries}", start, end, "staging")
                stolen.append(f"thief-{tries}")
            except ClusterError as error:
                assert "would be double-booked" in str(error)  # noqa: PT017
            await asyncio.sleep(0.005)

    task = asyncio.create_task(steal())
    try:
        yield stolen
        # The time is still occupied a while later, when watches have caught up.
        await asyncio.sleep(1)
    finally:
        stopped.set()
        await task
    assert tries > 20
    assert stolen == []


async def names(bookers: Team) -> set[str]:
    return {booking["metadata"]["name"] for booking in await bookers.get("bookings")}


async def test_a_rename_by_kubectl_apply_prune_converges_and_never_frees_the_slot(
    place: Namespace, bookers: Team
) -> None:
    old, new = planned("old", *NINE), planned("new", *NINE, replaces=["old"])
    assert (await kubectl(place, *PRUNE, content=listed(old))).returncode == 0
    async with thief_of(bookers, *NINE):
        for _ in range(RUNS):
            result = await kubectl(place, *PRUNE, content=listed(new))
        assert result.returncode == 0, result.stderr
        assert await names(bookers) == {"new"}
        # Later commits need not keep the name of the replaced booking.
        result = await kubectl(place, *PRUNE, content=listed(planned("new", *NINE)))
        assert result.returncode == 0, result.stderr


async def test_a_rename_without_replaces_is_rejected(place: Namespace, bookers: Team) -> None:
    assert (await kubectl(place, *PRUNE, content=planned("old", *NINE))).returncode == 0
    result = await kubectl(place, *PRUNE, content=listed(planned("new", *NINE)))
    assert "new would be double-booked" in result.stderr
    assert "old" in await names(bookers)


@HELMS
async def test_a_rename_by_helm_upgrade_converges_and_never_frees_the_slot(
    place: Namespace, bookers: Team, tmp_path: Path, helm: str
) -> None:
    plan = Plan(tmp_path, place.name, helm)
    result = await plan.release("install", manifest("old", *NINE, "staging"))
    assert result.returncode == 0, result.stderr
    new = manifest("new", *NINE, "staging", replaces=["old"])
    async with thief_of(bookers, *NINE):
        for _ in range(RUNS):
            result = await plan.release("upgrade", new)
        assert result.returncode == 0, result.stderr
        assert await names(bookers) == {"new"}


@pytest.mark.parametrize("command", [APPLY, SERVER_SIDE])
async def test_a_swap_in_one_kubectl_apply_converges(
    place: Namespace, bookers: Team, command: tuple[str, ...]
) -> None:
    before = listed(planned("a", *NINE), planned("b", *NEXT))
    assert (await kubectl(place, *command, content=before)).returncode == 0
    swapped = listed(planned("a", *NEXT, replaces=["b"]), planned("b", *NINE, replaces=["a"]))
    for _ in range(RUNS):
        result = await kubectl(place, *command, content=swapped)
    assert result.returncode == 0, result.stderr
    spec = {name: (await bookers.get("bookings", name))["spec"] for name in "ab"}
    assert (spec["a"]["start"], spec["b"]["start"]) == (NEXT[0], NINE[0])
    # Later commits need not keep the names, and no other booking fits in.
    plain = listed(planned("a", *NEXT), planned("b", *NINE))
    result = await kubectl(place, *command, content=plain)
    assert result.returncode == 0, result.stderr
    for when in (NINE, NEXT):
        with pytest.raises(ClusterError, match="would be double-booked"):
            await bookers.book("c", *when, "staging")


async def test_a_booking_and_its_replacement_are_both_ready(
    place: Namespace, bookers: Team
) -> None:
    await bookers.book("old", *NINE, "staging")
    await bookers.book("new", *NINE, "staging", replaces=["old"])
    for name, reason in (("old", "ReplacedBy"), ("new", "Replaces")):
        path = f'--for=jsonpath={{.status.conditions[?(@.type=="DoubleBooked")].reason}}={reason}'
        result = await kubectl(place, "wait", path, "--timeout=10s", f"{BOOKINGS}/{name}")
        assert result.returncode == 0, result.stderr
        ready = ("wait", "--for=condition=Ready", "--timeout=10s", f"{BOOKINGS}/{name}")
        assert (await kubectl(place, *ready)).returncode == 0
        assert await bookers.verdict(name) == "False"
    with pytest.raises(ClusterError, match="would be double-booked"):
        await bookers.book("third", *NINE, "staging", replaces=["old"])


def grant(place: Namespace, user: str, *verbs: str) -> None:
    """Let a user do something to the Bookings of a namespace."""
    resource = "--resource=bookings.double-booked.io"
    verb = f"--verb={','.join(verbs)}"
    place.kubectl("create", "role", user, verb, resource)
    place.kubectl("create", "rolebinding", user, f"--role={user}", f"--user={user}")


async def test_a_booking_replaces_only_bookings_that_its_user_may_delete(
    place: Namespace, bookers: Team
) -> None:
    grant(place, "writer", "get", "list", "create", "update", "patch")
    grant(place, "owner", "get", "list", "create", "update", "patch", "delete")
    await bookers.book("old", *NINE, "staging")
    new = manifest("new", *NINE, "staging", replaces=["old"])
    result = await kubectl(place, "create", "--filename=-", "--as=writer", content=new)
    assert result.returncode == 1
    assert "replaces" in result.stderr
    assert "delete" in result.stderr
    assert "old" in result.stderr
    assert "Forbidden" in result.stderr
    # Naming a booking that does not exist needs no right to delete.
    other = manifest("other", *NEXT, "staging", replaces=["nobody"])
    result = await kubectl(place, "create", "--filename=-", "--as=writer", content=other)
    assert result.returncode == 0, result.stderr
    patch = f"--patch={json.dumps({'spec': {'replaces': ['nobody', 'old']}})}"
    merge = ("patch", BOOKINGS, "other", "--type=merge", patch)
    result = await kubectl(place, *merge, "--as=writer")
    assert result.returncode == 1
    assert "delete" in result.stderr
    result = await kubectl(place, *merge, "--as=owner")
    assert result.returncode == 0, result.stderr
    # Names that were in `replaces` before are not checked again.
    later = f"--patch={json.dumps({'spec': {'title': 'later'}})}"
    result = await kubectl(place, "patch", BOOKINGS, "other", "--type=merge", later, "--as=writer")
    assert result.returncode == 0, result.stderr
    result = await kubectl(place, "create", "--filename=-", "--as=owner", content=new)
    assert result.returncode == 0, result.stderr


async def test_a_booking_of_a_calendar_that_does_not_exist_is_created_with_a_warning(
    place: Namespace, bookers: Team
) -> None:
    unknown = manifest("a", *NINE, "stagin")
    result = await kubectl(place, "create", "--filename=-", content=unknown)
    assert result.returncode == 0
    [line] = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "stagin" in line
    assert place.name in line
    assert await names(bookers) == {"a"}


async def test_a_booking_wholly_in_the_past_is_created_with_a_warning(
    place: Namespace, bookers: Team
) -> None:
    past = manifest("a", "2020-12-01T09:00:00Z", "2020-12-01T10:00:00Z", "staging")
    result = await kubectl(place, "create", "--filename=-", content=past)
    assert result.returncode == 0
    [line] = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "past" in line
    assert await names(bookers) == {"a"}
    ahead = await kubectl(place, *APPLY, content=manifest("b", *hour_ahead(), "staging"))
    assert (ahead.returncode, ahead.stderr) == (0, "")


def hour_ahead() -> tuple[str, str]:
    """Return start and end of an hour in the future."""
    return "2999-12-01T09:00:00Z", "2999-12-01T10:00:00Z"
