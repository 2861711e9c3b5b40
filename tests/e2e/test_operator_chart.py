"""Test the operator as it ships: installed with helm, in pods, with its own rights."""

import asyncio
import json
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from cryptography import x509

from e2e.conftest import CHART, QUICK, RELEASE, ROOT, Namespace, run, tool
from e2e.operator_process import Team, condition, hour, manifest, team, winners
from waiting import wait_until

OPERATOR = f"{RELEASE}-operator"
ON = "--set=operator.enabled=true"
EXAMPLES = ROOT / "examples/bookings"


@pytest.fixture
def installed(namespace: Namespace, definitions_of_ours: None) -> Iterator[Namespace]:  # noqa: ARG001
    namespace.install(QUICK, ON)
    yield namespace
    namespace.helm("uninstall", RELEASE, "--wait")


@pytest.fixture
async def bookers(installed: Namespace) -> AsyncIterator[Team]:
    async with team(installed.name) as found:
        yield found


def apply(namespace: Namespace, name: str) -> subprocess.CompletedProcess[str]:
    """Apply one of the examples with kubectl; return the finished process."""
    command = namespace.command("apply", f"--filename={EXAMPLES / name}")
    return subprocess.run(command, text=True, capture_output=True, check=False)


def denied(namespace: Namespace) -> list[dict[str, Any]]:
    """Return the log entries of the operator about requests that it has no right to make."""
    pods = (f"--selector=app={OPERATOR}", "--tail=-1")
    log = namespace.kubectl("logs", *pods).splitlines()
    entries = [json.loads(line) for line in log if line.startswith("{")]
    assert entries
    # Rejections by the operator itself have the same code.
    return [
        entry
        for entry in entries
        if entry.get("code") == 403 and entry["event"] != "write rejected"
    ]


def test_a_teams_week_is_admitted_and_a_double_booking_is_rejected(installed: Namespace) -> None:
    for name in ("calendars.yaml", "bookings.yaml"):
        applied = apply(installed, name)
        assert (applied.returncode, applied.stderr) == (0, "")
    refused = apply(installed, "double-booking.yaml")
    assert refused.returncode == 1
    assert (
        'admission webhook "bookings.double-booked.io" denied the request: hotfix-login would be'
        " double-booked: calendar staging takes 1 at a time, and load-test-checkout has it from"
        " 2026-12-07T16:00:00Z to 2026-12-07T17:30:00Z."
    ) in refused.stderr

    def verdicts() -> set[str]:
        found = installed.get("bookings")["items"]
        return {condition(raw, "DoubleBooked").get("status", "") for raw in found}

    wait_until(lambda: verdicts() == {"False"}, "every booking is marked as free", 30)
    calendar = installed.kubectl("get", "calendar", "staging").splitlines()[1].split()
    assert calendar[1:3] == ["1", "Reject"]
    # A double booking on a reporting calendar is reported in the status and as an Event.
    upgrade = installed.get("booking", "saturday-maintenance")["spec"]
    late = manifest("late", upgrade["start"], upgrade["end"], "maintenance-window")
    installed.apply(late)
    events = ("get", "events", "--field-selector=reason=DoubleBooked", "--output=name")
    # Either of the two: if both were created in the same second, their uids decide.
    wait_until(lambda: installed.kubectl(*events), "an Event is recorded", 30)
    # No request of the operator was denied for lack of rights.
    assert denied(installed) == []


def test_the_operator_has_exactly_the_rights_that_it_uses(installed: Namespace) -> None:
    account = f"--as=system:serviceaccount:{installed.name}:{OPERATOR}"
    for allowed in (
        ("list", "bookings.double-booked.io", "--all-namespaces"),
        ("patch", "calendars.double-booked.io", "--subresource=status"),
        ("update", f"leases/{OPERATOR}"),
        ("update", f"leases/{OPERATOR}-leader"),
        ("create", "ledgers.double-booked.io", "--all-namespaces"),
        ("update", "ledgers.double-booked.io", "--all-namespaces"),
        ("get", f"secrets/{OPERATOR}-webhook"),
        ("delete", "bookings.double-booked.io", "--all-namespaces"),
        ("get", "namespaces/another"),
        ("create", "localsubjectaccessreviews.authorization.k8s.io", "--all-namespaces"),
        ("list", "validatingwebhookconfigurations"),
    ):
        assert installed.kubectl("auth", "can-i", account, *allowed).strip() == "yes", allowed
    for refused in (
        ("delete", "calendars.double-booked.io"),
        ("delete", "ledgers.double-booked.io"),
        ("patch", "ledgers.double-booked.io"),
        ("patch", "bookings.double-booked.io"),
        ("get", "secrets"),
        ("list", "namespaces"),
        ("list", "customresourcedefinitions"),
        ("update", "leases/another"),
        ("patch", "validatingwebhookconfigurations/another"),
    ):
        command = installed.command("auth", "can-i", account, *refused)
        result = subprocess.run(command, text=True, capture_output=True, check=False)
        assert result.stdout.strip() == "no", refused


def test_editors_can_book_and_only_admins_can_change_calendars(installed: Namespace) -> None:
    def may(role: str, verb: str, kind: str) -> bool:
        question = ("auth", "can-i", verb, f"{kind}.double-booked.io", f"--as={role}")
        command = installed.command(*question)
        answer = subprocess.run(command, text=True, capture_output=True, check=False)
        return answer.stdout.strip() == "yes"

    for role in ("view", "edit", "admin"):
        user = (f"--clusterrole={role}", f"--user={role}")
        installed.kubectl("create", "rolebinding", role, *user)
    # A controller of the cluster aggregates the rights into the roles.
    wait_until(lambda: may("admin", "create", "calendars"), "admins may change calendars", 30)
    wait_until(lambda: may("edit", "delete", "bookings"), "editors may book", 30)
    wait_until(lambda: may("view", "watch", "calendars"), "viewers may see calendars", 30)
    assert may("view", "get", "ledgers")
    for verb in ("create", "update", "patch", "delete"):
        assert not may("admin", verb, "ledgers")
        assert not may("edit", verb, "calendars")
        assert not may("view", verb, "bookings")


def test_an_upgrade_keeps_the_trusted_authority(installed: Namespace) -> None:
    configuration = ("validatingwebhookconfiguration", OPERATOR)
    before = installed.get(*configuration)["webhooks"]
    assert all(webhook["clientConfig"]["caBundle"] for webhook in before)
    installed.install(QUICK, ON, "--set=operator.timeoutSeconds=7")
    after = installed.get(*configuration)["webhooks"]
    assert {webhook["timeoutSeconds"] for webhook in after} == {7}
    assert [webhook["clientConfig"] for webhook in after] == [
        webhook["clientConfig"] for webhook in before
    ]


def test_an_uninstall_leaves_only_what_the_readme_lists(
    namespace: Namespace,
    definitions_of_ours: None,  # noqa: ARG001
) -> None:
    before = namespace.objects()
    namespace.install(QUICK, ON)
    assert apply(namespace, "calendars.yaml").returncode == 0
    namespace.helm("uninstall", RELEASE, "--wait")
    namespace.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=60s")
    left = {name for name in namespace.objects() - before if not name.startswith("endpoint")}
    assert left == {
        f"lease.coordination.k8s.io/{OPERATOR}",
        f"lease.coordination.k8s.io/{OPERATOR}-leader",
        "ledger.double-booked.io/bookings",
        f"secret/{OPERATOR}-webhook",
        "calendar.double-booked.io/gpu-pool",
        "calendar.double-booked.io/maintenance-window",
        "calendar.double-booked.io/staging",
    }


def test_the_operator_runs_without_the_service(
    namespace: Namespace,
    definitions_of_ours: None,  # noqa: ARG001
) -> None:
    namespace.install(f"--values={CHART}/ci/operator-only-values.yaml")
    try:
        assert namespace.kubectl("get", "deployments", "--output=name").split() == [
            f"deployment.apps/{OPERATOR}"
        ]
        for name in ("calendars.yaml", "bookings.yaml"):
            assert apply(namespace, name).returncode == 0
        assert "would be double-booked" in apply(namespace, "double-booking.yaml").stderr
    finally:
        namespace.helm("uninstall", RELEASE, "--wait")


def test_the_operator_runs_with_rights_in_one_namespace(
    namespace: Namespace,
    definitions_of_ours: None,  # noqa: ARG001
) -> None:
    namespace.install(QUICK, ON, f"--set=operator.watchNamespaces={{{namespace.name}}}")
    try:
        assert apply(namespace, "calendars.yaml").returncode == 0
        assert apply(namespace, "bookings.yaml").returncode == 0
        assert "would be double-booked" in apply(namespace, "double-booking.yaml").stderr
        assert denied(namespace) == []
        roles = run(tool("kubectl"), "get", "clusterroles", "--output=name").split()
        assert f"clusterrole.rbac.authorization.k8s.io/{OPERATOR}" not in roles
    finally:
        namespace.helm("uninstall", RELEASE, "--wait")


async def test_two_pods_never_both_admit_during_an_eviction(
    installed: Namespace, bookers: Team
) -> None:
    await bookers.calendar("staging")
    # Rounds continue while all pods are deleted, until a successor has admitted a booking.
    deleted, rounds, won_after = False, 0, 0
    async with asyncio.timeout(240):
        while not won_after:
            racing = asyncio.create_task(winners(bookers, rounds, "staging"))
            if rounds == 5:
                pods = ("pods", f"--selector=app={OPERATOR}", "--wait=false")
                await asyncio.to_thread(installed.kubectl, "delete", *pods)
                deleted = True
            won = await racing
            assert len(won) <= 1
            won_after += bool(deleted and rounds > 5 and won)
            rounds += 1
    starts = [raw["spec"]["start"] for raw in await bookers.get("bookings")]
    assert len(starts) == len(set(starts))
    late = await bookers.race(["late-a", "late-b"], *hour(rounds), "staging")
    assert list(late.values()).count("") == 1


def test_the_webhook_certificate_names_its_service(installed: Namespace) -> None:
    secret = installed.get("secret", f"{OPERATOR}-webhook")["data"]
    leaf = x509.load_pem_x509_certificate(b64decode(secret["tls.crt"]))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"{OPERATOR}.{installed.name}.svc"]


def test_an_upgrade_without_the_operator_keeps_definitions_and_bookings(
    installed: Namespace,
) -> None:
    assert apply(installed, "calendars.yaml").returncode == 0
    calendars = installed.kubectl("get", "calendars", "--output=name")
    installed.install(QUICK, "--set=operator.enabled=false")
    assert f"deployment.apps/{OPERATOR}" not in installed.objects()
    assert installed.kubectl("get", "calendars", "--output=name") == calendars != ""
