"""Test who may request reviews, and what a Booking may change while it is being deleted."""

import asyncio
import itertools
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from double_booked.operator.cluster import ClusterError
from e2e.conftest import CHART, Namespace, run, tool
from e2e.operator_process import (
    NINE,
    WEBHOOKS,
    Process,
    Team,
    configuration_of,
    manifest,
    operating,
    team,
)
from waiting import wait_until

POLICY = "templates/operator-validatingadmissionpolicies.yaml"
FORGED = "double_booked_operator_unknown_requests_total"


@pytest.fixture
def process(place: Namespace, tmp_path: Path) -> Iterator[Process]:
    with operating(place.name, tmp_path) as running:
        yield running


@pytest.fixture
async def bookers(place: Namespace) -> AsyncIterator[Team]:
    async with team(place.name) as found:
        yield found


def paths(place: Namespace) -> list[str]:
    """Return the webhook paths that the API server calls."""
    found = json.loads(
        run(tool("kubectl"), "get", WEBHOOKS, configuration_of(place.name), "--output=json")
    )
    urls = [webhook["clientConfig"]["url"] for webhook in found["webhooks"]]
    return ["/" + url.split("/", 3)[3] for url in urls]


async def forge(process: Process, place: Namespace, path: str) -> tuple[int, str]:
    """Request a review as a client other than the API server."""
    raw = manifest("forged", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "staging")
    raw["metadata"]["namespace"] = place.name
    review = {"request": {"uid": "1", "operation": "CREATE", "object": raw, "userInfo": {}}}
    url = f"https://127.0.0.1:{process.port}{path}"
    async with aiohttp.ClientSession() as session, session.post(url, json=review, ssl=False) as got:
        return got.status, await got.text()


async def test_a_forged_review_reserves_and_reveals_nothing(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    await bookers.book("secret-plan", *NINE, "staging")
    for path in ("/bookings", "/calendars", "/", f"/bookings/{'0' * 32}"):
        assert await forge(process, place, path) == (404, "not found\n")
    assert process.metric(FORGED) == 4
    assert process.metric("double_booked_operator_reservations") == 0
    with pytest.raises(ClusterError, match="secret-plan has it"):
        await bookers.book("honest", *NINE, "staging")
    # The same review at the API server's path is answered, so only the path matters.
    status, text = await forge(process, place, paths(place)[0])
    assert status == 200
    assert "secret-plan" in text


async def test_a_restart_changes_the_path_and_rejects_no_write(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    before, number = paths(place), 0
    async with asyncio.timeout(120):
        while paths(place) == before:
            number += 1
            second = f"2027-01-01T00:{number // 60:02}:{number % 60:02}Z"
            await bookers.book(f"meanwhile-{number}", second, second, "staging")
    for later in range(number, number + 20):
        second = f"2027-01-02T00:{later // 60:02}:{later % 60:02}Z"
        await bookers.book(f"later-{later}", second, second, "staging")
    assert process.metric(FORGED) == 0


@pytest.fixture
def policies(place: Namespace) -> Iterator[None]:
    """Apply the chart's admission policies for an operator with a unique name."""
    name = f"{place.name}-operator"
    rendered = run(
        tool("helm"), "template", "double-booked", str(CHART), "--set=operator.enabled=true",
        f"--set=fullnameOverride={place.name}", f"--show-only={POLICY}",
    )  # fmt: skip
    rules = [{"apiGroups": ["admissionregistration.k8s.io"], "resources": [f"{WEBHOOKS}s"]}]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [rules[0] | {"resourceNames": [name], "verbs": ["get", "patch"]}],
    }
    subject = {"kind": "ServiceAccount", "name": name, "namespace": place.name}
    binding = role | {"kind": "ClusterRoleBinding", "subjects": [subject]}
    del binding["rules"]
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
    binding["roleRef"]["name"] = name
    items = {"apiVersion": "v1", "kind": "List", "items": [role, binding]}
    run(tool("kubectl"), "apply", "--filename=-", text=rendered)
    run(tool("kubectl"), "apply", "--filename=-", text=json.dumps(items))
    try:
        yield
    finally:
        run(tool("kubectl"), "delete", "--filename=-", text=rendered)
        run(tool("kubectl"), "delete", "--filename=-", text=json.dumps(items))


@pytest.mark.usefixtures("policies")
async def test_a_booking_that_is_being_deleted_keeps_its_spec(
    place: Namespace, bookers: Team
) -> None:
    await bookers.calendar("staging")
    await bookers.book("held", *NINE, "staging")
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    await bookers.change("bookings", "held", **held)
    try:
        place.kubectl("delete", "booking", "held", "--wait=false")
        titles = itertools.count()
        refusal = ""

        def is_refused() -> bool:
            # A policy takes effect some seconds after its creation. Until then patches succeed.
            # Each sets another title, because a patch without a change is never rejected.
            nonlocal refusal
            change = f'{{"spec":{{"title":"{next(titles)}"}}}}'
            command = place.command("patch", "booking", "held", "--type=merge", f"--patch={change}")
            refusal = tried(command)
            return bool(refusal)

        wait_until(is_refused, "a change of its spec is refused", 60)
        assert "is being deleted, and its spec can no longer change" in refusal
        await bookers.change("bookings", "held", metadata={"labels": {"still": "works"}})
    finally:
        # A finalizer left in place would block the deletion of the definitions in later tests.
        await bookers.change("bookings", "held", metadata={"finalizers": None})
    assert await bookers.get("bookings") == []


def tried(command: list[str]) -> str:
    """Run a command; return its error, or "" if it succeeds."""
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return done.stderr if done.returncode else ""


WEBHOOK: dict[str, Any] = {
    "name": "bookings.double-booked.io",
    "clientConfig": {"service": {"name": "webhook", "namespace": "default", "port": 443}},
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "nowhere"}},
    "rules": [
        {
            "apiGroups": ["double-booked.io"],
            "apiVersions": ["v1alpha1"],
            "operations": ["CREATE"],
            "resources": ["bookings"],
        }
    ],
}
SECRETS = WEBHOOK["rules"][0] | {"apiGroups": [""], "resources": ["secrets"]}
FORBIDDEN_CHANGES: tuple[dict[str, Any], ...] = (
    {"rules": [SECRETS]},
    {"failurePolicy": "Ignore"},
    {"timeoutSeconds": 30},
    {"namespaceSelector": {"matchLabels": None}},
    {"objectSelector": {"matchLabels": {"a": "b"}}},
    {"matchConditions": [{"name": "never", "expression": "false"}]},
    {"clientConfig": {"service": {"name": "elsewhere"}}},
    {"clientConfig": {"service": {"namespace": "elsewhere"}}},
    {"clientConfig": {"service": {"port": 444}}},
    {"clientConfig": {"service": None, "url": "https://elsewhere.example"}},
)


@pytest.fixture
def limited_webhook(place: Namespace, policies: None) -> Iterator[str]:  # noqa: ARG001
    """Create the webhook configuration that the policies limit; yield its name."""
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"{place.name}-operator"},
        "webhooks": [WEBHOOK],
    }
    run(tool("kubectl"), "apply", "--filename=-", text=json.dumps(configuration))
    try:
        yield f"{place.name}-operator"
    finally:
        run(tool("kubectl"), "delete", WEBHOOKS, f"{place.name}-operator")


def test_the_operator_may_change_only_the_path_and_authority_of_its_webhook(
    place: Namespace, limited_webhook: str
) -> None:
    def change(**changes: Any) -> str:
        """Change the webhook as the operator; return the error, or "" if it is allowed."""
        patch = json.dumps({"webhooks": [{"name": WEBHOOK["name"]} | changes]})
        return patched("strategic", patch)

    def patched(kind: str, patch: str) -> str:
        account = f"--as=system:serviceaccount:{place.name}:{limited_webhook}"
        options = (f"--type={kind}", f"--patch={patch}", account)
        return tried([tool("kubectl"), "patch", WEBHOOKS, limited_webhook, *options])

    # Each patch sets another value, because a patch without a change is allowed.
    seconds = itertools.cycle(range(1, 30))
    wait_until(lambda: change(timeoutSeconds=next(seconds)), "the policy is in effect", 30)
    for forbidden in FORBIDDEN_CHANGES:
        assert "the operator may" in change(**forbidden), forbidden
    other = WEBHOOK | {"name": "a.b.c"}
    added = json.dumps([{"op": "add", "path": "/webhooks/-", "value": other}])
    assert "may not change which writes" in patched("json", added)
    removed = '[{"op":"remove","path":"/webhooks"}]'
    assert "may not change which writes" in patched("json", removed)
    assert "metadata" in patched("merge", '{"metadata":{"labels":{"a":"b"}}}')
    assert change(clientConfig={"service": {"path": "/bookings/1"}, "caBundle": "Cg=="}) == ""
    # Other users are not limited.
    ignoring = '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]'
    command = ("patch", WEBHOOKS, limited_webhook, "--type=json", f"--patch={ignoring}")
    assert tried([tool("kubectl"), *command]) == ""
