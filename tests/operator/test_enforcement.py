"""The webhook configurations of a cluster determine whether new Bookings are reviewed."""

import base64
import datetime as dt
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from double_booked.operator.enforcement import (
    UNKNOWN,
    ExpectedWebhook,
    WebhookState,
    assess,
    enforcement_of,
    foreign_webhooks,
    needs_labels,
    selects,
)
from double_booked.tls.authority import CertificateBundle, ensure_fresh
from server.certificate_authority import Authority, new_key

from .factories import calendar

NAME = "double-booked-operator"
HOST = f"{NAME}.shared.svc"
SECRET = "0123456789abcdef" * 2
TEAM_RED = {"matchLabels": {"team": "red"}}

Raw = dict[str, Any]


@cache
def material(name: str = "own") -> CertificateBundle:
    """Make an authority and a certificate; authorities with different names differ."""
    assert name
    return ensure_fresh(None, [HOST], dt.datetime.now(dt.UTC))


def encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def webhook(kind: str, bundle: bytes) -> Raw:
    service = {"name": NAME, "namespace": "shared", "path": f"/{kind}/{SECRET}", "port": 443}
    rule = {
        "apiGroups": ["double-booked.io"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind],
        "scope": "Namespaced",
    }
    return {
        "name": f"{kind}.double-booked.io",
        "clientConfig": {"service": service, "caBundle": encoded(bundle)},
        "failurePolicy": "Fail",
        "namespaceSelector": {},
        "objectSelector": {},
        "matchConditions": [{"name": "spec-changes"}, {"name": "not-being-deleted"}],
        "rules": [rule],
    }


def configuration(name: str = NAME, **changes: Any) -> Raw:
    """Make this operator's configuration, with other fields in the webhook for bookings."""
    webhooks = [webhook(kind, material().authorities) for kind in ("bookings", "calendars")]
    webhooks[0] |= changes
    return {"metadata": {"name": name}, "webhooks": webhooks}


def expected(certificate: bytes | None = None) -> ExpectedWebhook:
    chain = material().certificate if certificate is None else certificate
    return ExpectedWebhook(NAME, [HOST, "127.0.0.1"], chain, [SECRET])


def state_of(raw: Raw, certificate: bytes | None = None) -> WebhookState:
    return assess([raw], expected(certificate))


def with_client(**changes: Any) -> Raw:
    """Make a configuration whose webhook for bookings calls another host."""
    changed = configuration()
    changed["webhooks"][0]["clientConfig"] |= changes
    return changed


def with_rule(**changes: Any) -> Raw:
    changed = configuration()
    changed["webhooks"][0]["rules"][0] |= changes
    return changed


def test_a_configuration_that_sends_all_writes_to_this_operator_is_enforced() -> None:
    state = state_of(configuration())
    assert (state.reason, state.message, state.fails_closed) == ("", "", True)
    assert enforcement_of(calendar(), state, None).verdict == "True"


def test_a_missing_configuration_is_named() -> None:
    state = assess([configuration("somebody-elses")], expected())
    assert state.reason == "WebhookNotFound"
    assert NAME in state.message
    enforcement = enforcement_of(calendar(), state, {})
    assert (enforcement.verdict, enforcement.reason) == ("False", "WebhookNotFound")
    assert enforcement.message.endswith("New bookings are admitted without a review.")


def service(**changes: str) -> Raw:
    return {
        "service": {"name": NAME, "namespace": "shared", "path": f"/bookings/{SECRET}"} | changes
    }


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (with_client(**service(name="other")), "calls other.shared.svc, which is not"),
        (with_client(**service(namespace="elsewhere")), f"calls {NAME}.elsewhere.svc,"),
        (with_client(**service(path="/bookings")), "calls a path at which this operator does not"),
        (with_client(**service(path=f"/calendars/{SECRET}")), "calls a path at which this"),
        (with_client(service=None, url="https://elsewhere/bookings"), "calls elsewhere,"),
        (with_client(service=None, url="https://[::1/bookings"), "which is not this operator"),
        (with_client(service=None), "which is not this operator"),
        (with_client(caBundle=""), "has no caBundle"),
        (with_client(caBundle=None), "has no caBundle"),
        (with_client(caBundle="!"), "has a caBundle that does not verify"),
        (with_client(caBundle=encoded(b"no PEM")), "has a caBundle that does not verify"),
        (
            with_client(caBundle=encoded(material("other").authorities)),
            "has a caBundle that does not verify this operator's certificate",
        ),
        (configuration(objectSelector=TEAM_RED), "leaves out objects by its objectSelector"),
        (
            configuration(matchConditions=[{"name": "spec-changes"}, {"name": "not-on-monday"}]),
            "leaves out writes by its matchConditions not-on-monday",
        ),
        (with_rule(operations=["CREATE"]), "no webhook is for CREATE and UPDATE of bookings"),
        (with_rule(operations=["UPDATE", "DELETE"]), "no webhook is for CREATE and UPDATE"),
        (with_rule(resources=["bookings/status"]), "no webhook is for CREATE and UPDATE"),
        (with_rule(apiGroups=["other.io"]), "no webhook is for CREATE and UPDATE of bookings"),
        (with_rule(apiVersions=["v1"]), "no webhook is for CREATE and UPDATE of bookings"),
        (with_rule(scope="Cluster"), "no webhook is for CREATE and UPDATE of bookings"),
        (configuration(rules=[]), "no webhook is for CREATE and UPDATE of bookings"),
    ],
)
def test_a_configuration_that_leaves_out_writes_is_reported_with_its_fault(
    raw: Raw, fault: str
) -> None:
    state = state_of(raw)
    assert state.reason == "WebhookMisconfigured"
    assert fault in state.message
    assert enforcement_of(calendar(), state, {}).verdict == "False"


def test_a_fault_of_the_calendars_webhook_is_reported() -> None:
    raw = configuration()
    del raw["webhooks"][1]
    assert "no webhook is for CREATE and UPDATE of calendars" in state_of(raw).message


def test_operations_may_be_split_over_rules_or_be_a_wildcard() -> None:
    raw = configuration()
    [rule] = raw["webhooks"][0]["rules"]
    raw["webhooks"][0]["rules"] = [
        rule | {"operations": [operation]} for operation in ("CREATE", "UPDATE")
    ]
    assert state_of(raw).reason == ""
    everything = {key: ["*"] for key in ("apiGroups", "apiVersions", "operations")}
    assert state_of(with_rule(**everything, scope="*")).reason == ""


def test_a_url_of_this_operator_is_enforced() -> None:
    """The operator may run outside the cluster."""
    url = f"https://127.0.0.1:9443/bookings/{SECRET}"
    assert state_of(with_client(service=None, url=url)).reason == ""


def test_a_bundle_is_not_checked_before_the_first_certificate() -> None:
    other = with_client(caBundle=encoded(material("other").authorities))
    assert state_of(other, certificate=b"").reason == ""


def test_a_bundle_of_an_old_and_a_new_authority_verifies() -> None:
    both = material("other").authorities + material().authorities
    assert state_of(with_client(caBundle=encoded(both))).reason == ""


def test_a_bundle_with_the_certificate_itself_verifies() -> None:
    """It may be self-signed, or signed by an authority that is not in the bundle."""
    for alone in (Authority("alone").pem(), Authority("one").certificate("leaf", new_key())):
        raw = configuration()
        for webhook in raw["webhooks"]:
            webhook["clientConfig"]["caBundle"] = encoded(alone)
        assert state_of(raw, alone).reason == ""


def test_an_intermediate_certificate_links_the_bundle_with_the_certificate() -> None:
    root, between = Authority("root"), Authority("between")
    intermediate = root.certificate("between", between.key)
    leaf = between.certificate("operator", new_key())
    raw = configuration()
    for webhook in raw["webhooks"]:
        webhook["clientConfig"]["caBundle"] = encoded(root.pem())
    assert state_of(raw, leaf + intermediate).reason == ""
    assert state_of(raw, leaf).reason == "WebhookMisconfigured"


def test_an_authority_of_the_same_name_with_another_key_does_not_verify() -> None:
    leaf = Authority("one").certificate("operator", new_key())
    raw = configuration()
    for webhook in raw["webhooks"]:
        webhook["clientConfig"]["caBundle"] = encoded(Authority("one").pem())
    assert state_of(raw, leaf).reason == "WebhookMisconfigured"


@pytest.mark.parametrize("position", [0, 1])
def test_failure_policy_ignore_of_either_webhook_is_not_enforced(position: int) -> None:
    raw = configuration()
    raw["webhooks"][position]["failurePolicy"] = "Ignore"
    state = state_of(raw)
    assert state.reason == ""
    enforcement = enforcement_of(calendar(), state, {})
    assert (enforcement.verdict, enforcement.reason) == ("False", "FailurePolicyIgnore")


def test_a_calendar_of_policy_report_is_never_enforced() -> None:
    for state in (state_of(configuration()), assess([], expected()), UNKNOWN):
        enforcement = enforcement_of(calendar(rejects=False), state, {})
        assert (enforcement.verdict, enforcement.reason) == ("False", "PolicyReport")


def test_enforcement_is_unknown_before_the_configuration_is_read() -> None:
    enforcement = enforcement_of(calendar(), UNKNOWN, {})
    assert (enforcement.verdict, enforcement.reason) == ("Unknown", "Unknown")


@pytest.mark.parametrize("position", [0, 1])
def test_a_namespace_that_a_webhook_does_not_select_is_not_enforced(position: int) -> None:
    raw = configuration()
    raw["webhooks"][position]["namespaceSelector"] = TEAM_RED
    state = state_of(raw)
    enforcements = [
        enforcement_of(calendar(), state, labels) for labels in ({"team": "red"}, {}, None)
    ]
    assert [(enforcement.verdict, enforcement.reason) for enforcement in enforcements] == [
        ("True", "Reviewed"),
        ("False", "NamespaceNotSelected"),
        ("Unknown", "Unknown"),
    ]


def term(operator: str, *values: str, key: str = "team") -> Raw:
    raw = {"key": key, "operator": operator} | ({"values": list(values)} if values else {})
    return {"matchExpressions": [raw]}


@pytest.mark.parametrize(
    ("selector", "with_red", "with_none"),
    [
        ({}, True, True),
        (TEAM_RED, True, False),
        ({"matchLabels": {"team": "blue"}}, False, False),
        (term("In", "red", "blue"), True, False),
        (term("In", "blue"), False, False),
        (term("NotIn", "red"), False, True),
        (term("NotIn", "blue"), True, True),
        (term("Exists"), True, False),
        (term("DoesNotExist"), False, True),
        (TEAM_RED | term("NotIn", "b", key="size"), True, False),
        ({"matchLabels": {"team": "red", "size": "b"}}, False, False),
        (term("In", "team", key="kubernetes.io/metadata.name"), True, True),
        (term("NotIn", "team", key="kubernetes.io/metadata.name"), False, False),
    ],
)
def test_a_selector_selects_as_kubernetes_specifies(
    selector: Raw, *, with_red: bool, with_none: bool
) -> None:
    assert selects(selector, "team", {"team": "red"}) is with_red
    assert selects(selector, "team", {}) is with_none


def test_a_selector_without_labels_decides_only_by_the_name() -> None:
    by_name = term("In", "team", key="kubernetes.io/metadata.name")
    for selector in (TEAM_RED, term("Exists"), term("DoesNotExist"), term("NotIn", "red")):
        assert selects(selector, "team", None) is None
        assert selects(by_name | {"matchLabels": {"team": "red"}}, "team", None) is None
        assert selects(by_name | {"matchLabels": {"team": "red"}}, "other", None) is False
    assert selects(by_name, "team", None) is True
    assert selects({}, "team", None) is True


def test_labels_are_needed_only_for_labels_other_than_the_name() -> None:
    name = "kubernetes.io/metadata.name"
    assert not needs_labels([])
    assert not needs_labels([{}, term("In", "team", key=name), {"matchLabels": {name: "team"}}])
    assert needs_labels([{}, term("Exists")])
    assert needs_labels([TEAM_RED])


def test_webhooks_of_another_operator_are_foreign_if_they_select_a_namespace() -> None:
    other = configuration("second-operator", namespaceSelector=TEAM_RED)
    other["webhooks"][1]["namespaceSelector"] = {"matchLabels": {"team": "blue"}}
    state = assess([configuration(), other], expected())
    bookings = "second-operator/bookings.double-booked.io"
    calendars = "second-operator/calendars.double-booked.io"
    assert state.reason == ""
    assert foreign_webhooks(state, {}) == []
    assert foreign_webhooks(state, {"one": {"team": "green"}}) == []
    assert foreign_webhooks(state, {"one": {}, "two": {"team": "red"}}) == [bookings]
    assert foreign_webhooks(state, {"one": None}) == [bookings, calendars]


def test_webhooks_of_policy_engines_are_not_foreign() -> None:
    engine = configuration("policies")
    for webhook in engine["webhooks"]:
        webhook["name"] = "validate.policies.example"
    state = assess([configuration(), engine], expected())
    assert foreign_webhooks(state, {"team": {}}) == []


def test_a_foreign_configuration_is_found_if_the_own_one_is_missing() -> None:
    state = assess([configuration("second-operator")], expected())
    assert len(foreign_webhooks(state, {"team": None})) == 2


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each field and each element."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in items:
        yield (*path, name)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, name))


def full() -> Raw:
    """Make a configuration with every field that the operator reads."""
    selector = TEAM_RED | term("In", "red")
    return configuration(namespaceSelector=selector, objectSelector=deepcopy(selector))


@pytest.mark.parametrize("name", [NAME, "second-operator"])
@pytest.mark.parametrize("is_null", [True, False])
def test_a_missing_field_never_raises(*, name: str, is_null: bool) -> None:
    whole = full()
    whole["metadata"]["name"] = name
    for *path, last in places(whole):
        broken = deepcopy(whole)
        inner: Any = broken
        for step in path:
            inner = inner[step]
        if is_null and not isinstance(inner, list):
            inner[last] = None
        else:
            del inner[last]
        state = assess([broken], expected())
        needs_labels([*state.selectors, *(selector for _, selector in state.foreign)])
        for labels in (None, {}, {"team": "red"}):
            enforcement_of(calendar(), state, labels)
            foreign_webhooks(state, {"team": labels})
