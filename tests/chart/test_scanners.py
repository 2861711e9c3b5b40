"""Test that every finding of kube-score and checkov has a reason here."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from chart.programs import A_FULL_CLUSTER, CHART, NAMES, NEWEST, run, tool, values


@dataclass(frozen=True)
class Finding:
    """A check that an object fails, and the feature whose values rendered the object."""

    check: str
    where: str
    """FEATURE KIND NAME; the release has the name of the feature."""


@dataclass(frozen=True)
class Accepted:
    """Checks that objects may fail, and why."""

    checks: str
    where: str
    reason: str


_TESTS = r"\S+ Pod \S+-test"
_OPERATOR = r"\S+ \w+ \S+-operator"
ACCEPTED = [
    Accepted(
        r"container-image-pull-policy|CKV_K8S_15",
        ".*",
        "Our tags never move, and IfNotPresent starts pods while the registry is unavailable.",
    ),
    Accepted(
        "CKV_K8S_43",
        ".*",
        "The digest of an image is known only after its build: users set image.digest.",
    ),
    Accepted(
        "pod-networkpolicy|CKV2_K8S_6",
        ".*",
        "Only the user knows the callers, so networkPolicy.enabled is off by default.",
    ),
    Accepted(
        "deployment-has-host-podantiaffinity",
        r".* Deployment .*",
        "topologySpreadConstraints spread the pods, over zones too.",
    ),
    Accepted(
        "service-type",
        r".* Service .*",
        "NodePort is the type that the Service always had; GKE Ingress needs it without NEGs.",
    ),
    Accepted(
        "deployment-replicas|deployment-strategy",
        "(everything-else|dev|scaled-by-others) .*",
        "The features request it.",
    ),
    Accepted(
        "deployment-has-poddisruptionbudget", "everything-else .*", "The feature turns it off."
    ),
    Accepted(
        "CKV_K8S_8|CKV_K8S_9",
        _TESTS,
        "The pod of `helm test` ends on its own and serves nothing.",
    ),
    Accepted(
        "container-security-context-readonlyrootfilesystem|CKV_K8S_22",
        "dev .*",
        "The development image compiles in its own file system.",
    ),
    Accepted(
        "CKV_K8S_155",
        r"\S+ ClusterRole \S+-webhook",
        "The operator writes the path of its webhook. A ValidatingAdmissionPolicy denies the rest.",
    ),
    Accepted("CKV_K8S_38", _OPERATOR, "The operator calls the API server."),
    Accepted("CKV_K8S_19", "same-names .*", "The feature sets operator.hostNetwork."),
]


@cache
def manifests(folder: Path) -> list[Path]:
    """Render each feature into a file with its own release name: scanners compare files."""
    files = []
    for name in NAMES:
        fixed = ("--namespace=shared", f"--kube-version={NEWEST}")
        text = run(tool("helm"), "template", name, str(CHART), *fixed, A_FULL_CLUSTER, values(name))
        files.append(folder / f"{name}.yaml")
        files[-1].write_text(text)
    return files


def found_by_kube_score(file: Path) -> Iterator[Finding]:
    options = ("--output-format=json", f"--kubernetes-version=v{NEWEST.rpartition('.')[0]}")
    # It exits with 1 if it finds something.
    output = run("sh", "-c", '"$@" || true', "sh", tool("kube-score"), "score", *options, str(file))
    for load in json.loads(output) or ():  # null if it knows none of the kinds
        where = f"{file.stem} {load['type_meta']['kind']} {load['object_meta']['name']}"
        for check in load["checks"]:
            if not check["skipped"] and check["grade"] < 10:
                yield Finding(check["check"]["id"], where)


def found_by_checkov(folder: Path) -> Iterator[Finding]:
    options = ("--framework=kubernetes", "--skip-download", "--compact", "--quiet", "--soft-fail")
    output = run(tool("checkov"), f"--directory={folder}", "--output=json", *options)
    report = json.loads(output)
    assert report["summary"]["parsing_errors"] == 0
    for finding in report["results"]["failed_checks"]:
        kind, _, name = finding["resource"].split(".")[:3]
        yield Finding(finding["check_id"], f"{Path(finding['file_path']).stem} {kind} {name}")


def is_accepted(found: Finding, by: Accepted) -> bool:
    return bool(re.fullmatch(by.checks, found.check) and re.fullmatch(by.where, found.where))


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    folder = tmp_path_factory.mktemp("manifests")
    files = manifests(folder)
    by_kube_score = {found for file in files for found in found_by_kube_score(file)}
    return by_kube_score | set(found_by_checkov(folder))


def test_every_finding_of_a_scanner_has_a_reason(findings: set[Finding]) -> None:
    unexpected = [
        found
        for found in findings
        if not any(is_accepted(found, exception) for exception in ACCEPTED)
    ]
    assert sorted(f"{finding.check}: {finding.where}" for finding in unexpected) == []


def test_each_exception_is_still_needed(findings: set[Finding]) -> None:
    unused = [
        exception
        for exception in ACCEPTED
        if not any(is_accepted(found, exception) for found in findings)
    ]
    assert unused == []
