"""Test that the chart rejects a second operator for the same namespaces."""

from typing import Any

import pytest

from chart.cluster import KIND, rendering_error
from chart.programs import render, values

BOTH = ("bookings.double-booked.io", "calendars.double-booked.io")
EXPRESSION = {"key": "kubernetes.io/metadata.name", "operator": "In"}
A_AND_B = {"matchExpressions": [EXPRESSION | {"values": ["a", "b"]}]}
PLATFORM = {"matchLabels": {"team": "platform"}}
BY_NAMES = "--set=operator.watchNamespaces={%s}"
BY_LABEL = "--set=operator.namespaceSelector.matchLabels.team=research"


def configuration(
    selector: dict[str, Any],
    name: str = "first-operator",
    release: tuple[str, str] = ("first", "elsewhere"),
    webhooks: tuple[str, ...] = BOTH,
) -> dict[str, Any]:
    """Return a ValidatingWebhookConfiguration of another release."""
    keys = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": KIND,
        "metadata": {"name": name, "annotations": dict(zip(keys, release, strict=True))},
        "webhooks": [{"name": webhook, "namespaceSelector": selector} for webhook in webhooks],
    }


def install(found: list[dict[str, Any]], *options: str, helm: str = "helm") -> str:
    """Return the chart's error for an operator in a cluster with these configurations."""
    return rendering_error(found, "--set=operator.enabled=true", *options, helm=helm)


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_the_message_says_what_is_wrong_and_how_to_fix_it(helm: str) -> None:
    found = install([configuration({})], helm=helm)
    assert f"the {KIND} first-operator of another operator already sends reviews" in found
    assert "uninstall that one (helm uninstall first -n elsewhere)" in found
    assert "or give each operator other namespaces in operator.watchNamespaces" in found


def test_the_message_for_an_operator_without_helm_says_delete() -> None:
    found = configuration({})
    del found["metadata"]["annotations"]
    assert "delete that one, or give each" in install([found])


@pytest.mark.parametrize(
    ("option", "selector"),
    [
        ("--set=operator.aggregateRoles=true", {}),
        ("--set=operator.aggregateRoles=true", A_AND_B),
        ("--set=operator.aggregateRoles=true", PLATFORM),
        (BY_NAMES % "c", {}),
        (BY_NAMES % "b", A_AND_B),
        (BY_NAMES % "c", {"matchLabels": {"kubernetes.io/metadata.name": "c"}}),
        (BY_LABEL, {}),
    ],
)
def test_a_second_operator_is_rejected_where_namespaces_overlap(
    option: str, selector: dict[str, Any]
) -> None:
    assert "another operator already sends reviews" in install([configuration(selector)], option)


@pytest.mark.parametrize(
    ("option", "selector"),
    [
        (BY_NAMES % "c", A_AND_B),
        (BY_NAMES % "c", {"matchLabels": {"kubernetes.io/metadata.name": "d"}}),
        # Labels of namespaces can change, so an overlap is possible.
        (BY_LABEL, PLATFORM),
        (BY_NAMES % "a", PLATFORM),
        (BY_LABEL, {"matchExpressions": [EXPRESSION | {"operator": "NotIn", "values": ["a"]}]}),
    ],
)
def test_a_second_operator_is_accepted_where_namespaces_are_disjoint_or_unknown(
    option: str, selector: dict[str, Any]
) -> None:
    assert install([configuration(selector)], option) == ""


def test_webhooks_of_this_release_and_of_others_are_ignored() -> None:
    own = configuration({}, name="double-booked-operator", release=("double-booked", "shared"))
    renamed = configuration({}, name="older-operator", release=("double-booked", "shared"))
    policies = configuration({}, name="policies", webhooks=("bookings.policies.example",))
    assert install([own, renamed, policies]) == ""


def test_nothing_is_rejected_without_an_operator_or_a_cluster() -> None:
    assert install([configuration({})], "--set=operator.enabled=false") == ""
    assert (KIND, "double-booked-operator") in render(values("operator"))


def test_a_configuration_of_another_release_is_foreign_under_the_same_name() -> None:
    """Helm's --take-ownership would take the webhook away from a running operator."""
    name = "double-booked-operator"
    other = configuration({}, name, release=("double-booked", "elsewhere"))
    assert "another operator already sends reviews" in install([other])
    own = configuration({}, name, release=("double-booked", "shared"))
    assert install([own]) == ""


def test_a_name_used_by_another_release_is_rejected() -> None:
    other = configuration(A_AND_B, "double-booked-operator", release=("double-booked", "elsewhere"))
    found = install([other], BY_NAMES % "c")
    assert "belongs to release double-booked in namespace elsewhere" in found
    assert "set fullnameOverride to a name that no other release has" in found
