"""Test the operator in the chart: its rights, its webhooks and its independence."""

import base64
import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import ParseDict
from tests.operator.factories import TEAM, booking, calendar

from chart.cluster import rendering_error
from chart.programs import (
    A_FULL_CLUSTER,
    CHART,
    NAMES,
    NEWEST,
    ROOT,
    container,
    render,
    run,
    template,
    tool,
    values,
)
from chart.schemas import write_schemas
from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts import definition
from double_booked.operator.enforcement import (
    ExpectedWebhook,
    WebhookState,
    assess,
    enforcement_of,
    foreign_webhooks,
    path_for,
)
from double_booked.operator.ledger import (
    MAX_RESERVATIONS,
    close,
    ledger_json,
    new_ledger,
    open_ledger,
    reserve,
)
from double_booked.operator.objects import Calendar, NamespacedName, ObjectMeta, Rules
from double_booked.tls.authority import ensure_fresh

KEY = "double-booked-operator"
SOURCES = ["operator", "operator-cert-manager", "operator-namespaced"]
BOOKINGS = [
    (["double-booked.io"], ["calendars", "bookings"], None, ["get", "list", "watch"]),
    (["double-booked.io"], ["ledgers"], None, ["get", "list", "watch", "create", "update"]),
    (["double-booked.io"], ["bookings"], None, ["delete"]),
    (["double-booked.io"], ["calendars/status", "bookings/status"], None, ["patch"]),
    ([""], ["events"], None, ["create"]),
    ([""], ["namespaces"], None, ["get"]),
    (["authorization.k8s.io"], ["localsubjectaccessreviews"], None, ["create"]),
]
LEASES = [
    (["coordination.k8s.io"], ["leases"], None, ["create"]),
    (["coordination.k8s.io"], ["leases"], [KEY, f"{KEY}-leader"], ["get", "update"]),
]
SECRETS = [
    ([""], ["secrets"], None, ["create"]),
    ([""], ["secrets"], [f"{KEY}-webhook"], ["get", "update"]),
]
CONFIGURATIONS = (["admissionregistration.k8s.io"], ["validatingwebhookconfigurations"])
KEPT = [(*CONFIGURATIONS, None, ["list"]), (*CONFIGURATIONS, [KEY], ["get", "patch"])]
"""Rights to webhook configurations: to find those of others, and to maintain its own."""


def every(name: str) -> list[dict[str, Any]]:
    """Return all objects; objects of two namespaces may share a name."""
    return [manifest for manifest in yaml.safe_load_all(template(values(name))) if manifest]


def granted(name: str) -> list[tuple[str, str | None, Any]]:
    """Return the rights of the operator's ServiceAccount: role, namespace and rules."""
    objects = every(name)
    account = container_pod(name)["serviceAccountName"]
    who = {"kind": "ServiceAccount", "name": account, "namespace": "shared"}
    bindings = [manifest for manifest in objects if manifest["kind"].endswith("RoleBinding")]
    assert all(bound["subjects"] == [who] for bound in bindings)
    found = []
    for binding in bindings:
        namespace = binding["metadata"].get("namespace")
        kind = binding["roleRef"]["kind"]
        assert (kind == "Role") is (namespace is not None)
        [role] = [
            manifest
            for manifest in objects
            if (manifest["kind"], manifest["metadata"]["name"])
            == (kind, binding["roleRef"]["name"])
            and manifest["metadata"].get("namespace") == namespace
        ]
        rules = [
            (rule["apiGroups"], rule["resources"], rule.get("resourceNames"), rule["verbs"])
            for rule in role["rules"]
        ]
        found.append((role["metadata"]["name"], namespace, rules))
    return sorted(found, key=str)


def container_pod(name: str) -> dict[str, Any]:
    return dict(render(values(name))["Deployment", KEY]["spec"]["template"]["spec"])


def settings_of(name: str) -> dict[str, Any]:
    return {
        variable["name"]: variable.get("value") or variable["valueFrom"]["fieldRef"]["fieldPath"]
        for variable in container(render(values(name)), KEY)["env"]
        if variable.get("value") != ""
    }


def webhooks(*options: str) -> list[dict[str, Any]]:
    return list(render(*options)["ValidatingWebhookConfiguration", KEY]["webhooks"])


def test_the_operator_has_only_the_rights_that_it_uses() -> None:
    assert granted("operator") == [
        (KEY, "shared", LEASES + SECRETS),
        (KEY, None, BOOKINGS),
        (f"{KEY}-webhook", None, KEPT),
    ]


def test_watched_namespaces_limit_the_rights_to_them() -> None:
    assert granted("operator-namespaced") == [
        (KEY, "shared", LEASES + SECRETS),
        (f"{KEY}-bookings", "research", BOOKINGS),
        (f"{KEY}-bookings", "staging", BOOKINGS),
        (f"{KEY}-webhook", None, KEPT),
    ]


def test_with_cert_manager_the_operator_may_change_only_the_path() -> None:
    assert granted("operator-cert-manager") == [
        (KEY, "shared", LEASES + SECRETS),
        (KEY, None, BOOKINGS),
        (f"{KEY}-webhook", None, KEPT),
    ]
    assert "new.clientConfig.?caBundle" in limits("operator-cert-manager")
    assert "new.clientConfig.?caBundle" not in limits("operator")


def limits(name: str) -> str:
    """Return the expressions that limit the operator's changes of its webhook configuration."""
    policy = render(values(name))["ValidatingAdmissionPolicy", f"{KEY}-webhook"]["spec"]
    [rule] = policy["matchConstraints"]["resourceRules"]
    assert rule["resourceNames"] == [KEY]
    return " ".join(validation["expression"] for validation in policy["validations"])


@pytest.mark.parametrize("name", [*SOURCES, "operator-only"])
def test_each_admission_policy_is_bound_and_denies(name: str) -> None:
    objects = render(values(name))
    policies = {key for kind, key in objects if kind == "ValidatingAdmissionPolicy"}
    assert policies == {f"{KEY}-deleted-bookings", f"{KEY}-ledgers", f"{KEY}-webhook"}
    for policy in policies:
        binding = objects["ValidatingAdmissionPolicyBinding", policy]["spec"]
        assert binding == {"policyName": policy, "validationActions": ["Deny"]}
        assert objects["ValidatingAdmissionPolicy", policy]["spec"]["failurePolicy"] == "Fail"


def test_a_ledger_that_may_be_needed_cannot_be_deleted() -> None:
    """The expressions are evaluated in tests/e2e/test_definitions.py."""
    spec = render(values("operator"))["ValidatingAdmissionPolicy", f"{KEY}-ledgers"]["spec"]
    [rule] = spec["matchConstraints"]["resourceRules"]
    assert (rule["operations"], rule["resources"]) == (["DELETE"], ["ledgers"])
    of_reservations, of_closed, of_restored = spec["validations"]
    assert "oldObject.?reservations" in of_reservations["expression"]
    assert "oldObject.?closed" in of_closed["expression"]
    assert "oldObject.?openedAs" in of_restored["expression"]
    for validation in spec["validations"]:
        # Otherwise the namespace would stay as well.
        assert "has(namespaceObject.metadata.deletionTimestamp)" in validation["expression"]
        assert validation["message"].endswith("try again in a few minutes")


def test_the_limits_apply_to_the_account_of_the_operator() -> None:
    options = (
        "--set=operator.serviceAccount.name=own",
        "--set=operator.serviceAccount.create=false",
    )
    objects = render(values("operator"), *options)
    policy = objects["ValidatingAdmissionPolicy", f"{KEY}-webhook"]["spec"]
    [condition] = policy["matchConditions"]
    assert "endsWith(':own')" in condition["expression"]


def test_the_webhook_port_admits_only_known_api_server_ranges() -> None:
    ranges = "--set=operator.networkPolicy.apiServerRanges={10.0.0.0/28,fd00::/64}"
    assert ("NetworkPolicy", KEY) not in render(values("operator"))
    spec = render(values("operator"), ranges)["NetworkPolicy", KEY]["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.0.0/28", "fd00::/64")]
    assert spec["ingress"] == [
        {"ports": [{"port": 10250, "protocol": "TCP"}], "from": blocks},
        {"ports": [{"port": 8080, "protocol": "TCP"}]},
    ]
    whole = render(values("operator"), ranges, "--set=networkPolicy.enabled=true")
    spec = whole["NetworkPolicy", KEY]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"][0] == {"ports": [{"port": 10250, "protocol": "TCP"}], "from": blocks}


@pytest.mark.parametrize("name", ["operator", "operator-cert-manager"])
def test_the_client_authority_is_mounted_as_a_file(name: str) -> None:
    objects = render(values(name), "--set=operator.clientCA.existingSecret=callers")
    pod = objects["Deployment", KEY]["spec"]["template"]["spec"]
    [mount] = [
        candidate
        for candidate in pod["containers"][0]["volumeMounts"]
        if candidate["name"] == "client-ca"
    ]
    [volume] = [candidate for candidate in pod["volumes"] if candidate["name"] == "client-ca"]
    assert volume["secret"]["secretName"] == "callers"
    env = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert env["WEBHOOK_CLIENT_CA_FILE"] == f"{mount['mountPath']}/ca.crt"


def test_editors_can_book_and_only_admins_can_change_calendars() -> None:
    read = {"get", "list", "watch"}
    write = {"create", "update", "patch", "delete", "deletecollection"}
    assert aggregated("view") == {
        (kind, verb) for kind in ("calendars", "bookings", "ledgers") for verb in read
    }
    assert aggregated("edit") == {("bookings", verb) for verb in write}
    assert aggregated("admin") == aggregated("edit") | {("calendars", verb) for verb in write}
    assert aggregated("edit", "--set=operator.aggregateRoles=false") == set()


def aggregated(role: str, *options: str) -> set[tuple[str, str]]:
    """Return the resources and verbs that are aggregated into a built-in role."""
    label = f"rbac.authorization.k8s.io/aggregate-to-{role}"
    return {
        (resource, verb)
        for manifest in render(values("operator"), *options).values()
        if manifest["metadata"]["labels"].get(label) == "true"
        for rule in manifest["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("name", SOURCES)
def test_no_selector_of_the_service_matches_the_operators_pod(name: str) -> None:
    objects = render(values(name), "--set=networkPolicy.enabled=true,headlessService.enabled=true")
    labels = objects["Deployment", KEY]["spec"]["template"]["metadata"]["labels"]
    of_service = objects["Deployment", "double-booked"]["spec"]["template"]["metadata"]["labels"]
    selecting = 0
    for manifest in objects.values():
        spec = manifest.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if manifest["kind"] in {"ServiceMonitor", "CustomResourceDefinition"} or not selector:
            continue
        wanted = selector.get("matchLabels", selector).items()
        is_operators = manifest["metadata"]["name"].startswith(KEY)
        assert (wanted <= labels.items()) is is_operators
        assert (wanted <= of_service.items()) is not is_operators
        selecting += is_operators
    assert selecting >= 3


def test_only_the_operators_pod_has_a_token() -> None:
    objects = render(values("operator"))
    spec = container_pod("operator")
    assert spec["automountServiceAccountToken"] is True
    assert spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] == 30
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert "volumes" not in spec
    assert container(objects, KEY)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    service = objects["Deployment", "double-booked"]["spec"]["template"]["spec"]
    assert service["automountServiceAccountToken"] is False


def rolling(unavailable: int, surge: int) -> dict[str, Any]:
    """Return the strategy of a Deployment."""
    limits = {"maxUnavailable": unavailable, "maxSurge": surge}
    return {"type": "RollingUpdate", "rollingUpdate": limits}


def test_two_operators_run_and_are_replaced_without_a_gap() -> None:
    deployment = render(values("operator"))["Deployment", KEY]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (2, rolling(0, 1))
    more = render(values("operator"), "--set=operator.replicaCount=3")["Deployment", KEY]["spec"]
    assert more["replicas"] == 3


def test_on_the_host_network_no_pod_is_added_before_another_is_gone() -> None:
    """The pods share the ports of their nodes, so a new one may fit on no node."""
    hosted = "--set=operator.hostNetwork=true,operator.webhookPort=9443"
    deployment = render(values("operator"), hosted)["Deployment", KEY]["spec"]
    assert deployment["strategy"] == rolling(1, 0)


def test_an_operator_that_hangs_gets_no_reviews_after_15_seconds() -> None:
    probe = container(render(values("operator")), KEY)["readinessProbe"]
    checks = probe["periodSeconds"] * probe["failureThreshold"]
    assert checks + probe["timeoutSeconds"] <= 15


def test_a_node_drain_evicts_one_operator_at_a_time() -> None:
    objects = render(values("operator"))
    assert objects["PodDisruptionBudget", KEY]["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": objects["Deployment", KEY]["spec"]["selector"],
    }
    least = render(values("operator"), "--set=operator.podDisruptionBudget.minAvailable=50%")
    assert least["PodDisruptionBudget", KEY]["spec"]["minAvailable"] == "50%"
    without = render(values("operator"), "--set=operator.podDisruptionBudget.enabled=false")
    assert ("PodDisruptionBudget", KEY) not in without


def test_operators_are_spread_over_zones_and_nodes_if_there_are_several() -> None:
    constraints = container_pod("operator")["topologySpreadConstraints"]
    selector = render(values("operator"))["Deployment", KEY]["spec"]["selector"]
    assert [constraint["topologyKey"] for constraint in constraints] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for constraint in constraints:
        # In a cluster of one node both pods run there.
        assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
        assert constraint["labelSelector"] == selector
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]
    own = {"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
    for given in ([], [own]):
        option = f"--set-json=operator.topologySpreadConstraints={json.dumps(given)}"
        pod = render(values("operator"), option)["Deployment", KEY]["spec"]["template"]["spec"]
        assert pod.get("topologySpreadConstraints", []) == given


def test_the_operators_requests_have_a_priority_level_of_their_own() -> None:
    objects = render(values("operator-namespaced"))
    schema = objects["FlowSchema", KEY]["spec"]
    [[subject]] = [rule["subjects"] for rule in schema["rules"]]
    assert subject["serviceAccount"] == {"name": "booker", "namespace": "shared"}
    level = objects["PriorityLevelConfiguration", schema["priorityLevelConfiguration"]["name"]]
    assert level["spec"]["limited"]["limitResponse"]["type"] == "Queue"
    # Those of service accounts in general (9000) and in kube-system (900) match too.
    assert schema["matchingPrecedence"] < 900
    without = render(values("operator"), "--set=operator.flowSchema.enabled=false")
    assert {kind for kind, _ in without}.isdisjoint({"FlowSchema", "PriorityLevelConfiguration"})


def test_operators_leave_a_lost_node_soon() -> None:
    tolerations = container_pod("operator")["tolerations"]
    assert {toleration["tolerationSeconds"] for toleration in tolerations} == {30}
    assert {toleration["key"] for toleration in tolerations} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }


def test_the_operator_gets_the_names_of_its_objects() -> None:
    assert settings_of("operator") == {
        "OPERATOR_NAMESPACE": "metadata.namespace",
        "LEASE_HOLDER": "metadata.uid",
        "LEASE_NAME": KEY,
        "WEBHOOK_HOST": ":10250",
        "HEALTH_CHECK_HOST": ":8080",
        "WEBHOOK_CONFIGURATION": KEY,
        "WEBHOOK_SECRET": f"{KEY}-webhook",
        "WEBHOOK_NAMES": f"{KEY}.$(OPERATOR_NAMESPACE).svc",
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
    }
    assert settings_of("operator-namespaced")["WATCH_NAMESPACES"] == "staging,research"


@pytest.mark.parametrize("name", SOURCES)
def test_the_operator_gets_the_name_of_its_configuration_with_any_certificate(
    name: str,
) -> None:
    settings = settings_of(name)
    assert settings["WEBHOOK_CONFIGURATION"] == KEY
    assert settings["WEBHOOK_NAMES"] == f"{KEY}.$(OPERATOR_NAMESPACE).svc"
    # Kubernetes expands $(...) only if the variable is defined before.
    names = list(settings)
    assert names.index("OPERATOR_NAMESPACE") < names.index("WEBHOOK_NAMES")


def assessed(name: str, *options: str) -> WebhookState:
    """Return the operator's assessment of its configuration, after an authority is injected."""
    settings = settings_of(name)
    hosts = settings["WEBHOOK_NAMES"].replace("$(OPERATOR_NAMESPACE)", "shared").split(",")
    material = ensure_fresh(None, hosts, dt.datetime.now(dt.UTC))
    configurations = [
        manifest
        for (kind, _), manifest in render(values(name), *options).items()
        if kind == "ValidatingWebhookConfiguration"
    ]
    for configuration in configurations:
        for webhook in configuration["webhooks"]:
            bundle = base64.b64encode(material.authorities).decode()
            webhook["clientConfig"]["caBundle"] = bundle
            kind = webhook["name"].partition(".")[0]
            webhook["clientConfig"]["service"]["path"] = path_for(kind, "secret")
    name = settings["WEBHOOK_CONFIGURATION"]
    expected = ExpectedWebhook(name, hosts, material.certificate, ["secret"])
    return assess(configurations, expected)


def enforced(state: WebhookState, namespace: str, **labels: str) -> str:
    """Return the reason of the condition Enforced for a calendar in a namespace."""
    calendar = Calendar(ObjectMeta(NamespacedName(namespace, "staging"), "", 1, 1), Rules())
    return enforcement_of(calendar, state, labels).reason


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [
        ("operator", "Reviewed"),
        ("operator-only", "Reviewed"),
        ("operator-cert-manager", "NamespaceNotSelected"),
        ("operator-namespaced", "NamespaceNotSelected"),
    ],
)
def test_the_operator_recognises_the_configuration_as_enforced(name: str, elsewhere: str) -> None:
    state = assessed(name, "--set=operator.failurePolicy=Fail")
    assert state.message == ""
    assert enforced(state, "staging", team="platform") == "Reviewed"
    assert enforced(state, "elsewhere", team="other") == elsewhere


def test_the_operator_recognises_the_failure_policy_ignore() -> None:
    state = assessed("operator", "--set=operator.failurePolicy=Ignore")
    assert enforced(state, "staging") == "FailurePolicyIgnore"


def test_the_operator_recognises_another_release_as_foreign() -> None:
    state = assessed("operator", "--set=fullnameOverride=second")
    assert state.reason == "WebhookNotFound"
    assert list(foreign_webhooks(state, {"staging": None})) == [
        "second-operator/bookings.double-booked.io",
        "second-operator/calendars.double-booked.io",
    ]


def test_cert_manager_issues_the_certificate_and_injects_its_authority() -> None:
    objects = render(values("operator-cert-manager"))
    certificate = objects["Certificate", KEY]["spec"]
    assert certificate["dnsNames"] == [f"{KEY}.shared.svc"]
    assert certificate["issuerRef"]["name"] == "private"
    configuration = objects["ValidatingWebhookConfiguration", KEY]
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": f"shared/{KEY}"
    }
    assert settings_of("operator-cert-manager")["WEBHOOK_CERT_FILE"] == "/tls/tls.crt"
    [volume] = container_pod("operator-cert-manager")["volumes"]
    assert volume["secret"]["secretName"] == certificate["secretName"]


@pytest.mark.parametrize("name", SOURCES)
def test_no_rendering_sets_fields_that_the_operator_writes(name: str) -> None:
    found = webhooks(values(name))
    assert len(found) == 2
    assert "caBundle" not in json.dumps(found)
    assert "path" not in json.dumps(found)


def test_the_webhook_calls_the_operator() -> None:
    objects = render(values("operator"))
    [port] = objects["Service", KEY]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (443, 10250)
    for webhook, kind in zip(webhooks(values("operator")), ("bookings", "calendars"), strict=True):
        assert webhook["name"] == f"{kind}.double-booked.io"
        assert webhook["clientConfig"]["service"] == {
            "name": KEY,
            "namespace": "shared",
            "port": 443,
        }
        [rule] = webhook["rules"]
        assert rule["resources"] == [kind]
        assert rule["operations"] == ["CREATE", "UPDATE"]
        assert webhook["sideEffects"] == "NoneOnDryRun"
        assert webhook["matchPolicy"] == "Equivalent"


@pytest.mark.parametrize(
    ("name", "policy", "seconds", "selector"),
    [
        ("operator", "Fail", 10, {}),
        ("operator-cert-manager", "Ignore", 10, {"matchLabels": {"team": "platform"}}),
        (
            "operator-namespaced",
            "Fail",
            5,
            {
                "matchExpressions": [
                    {
                        "key": "kubernetes.io/metadata.name",
                        "operator": "In",
                        "values": ["staging", "research"],
                    }
                ]
            },
        ),
    ],
)
def test_values_set_the_namespaces_and_the_failure_policy(
    name: str, policy: str, seconds: int, selector: dict[str, Any]
) -> None:
    for webhook in webhooks(values(name)):
        assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == (policy, seconds)
        assert webhook["namespaceSelector"] == selector


def test_the_network_policy_admits_the_api_server_both_ways() -> None:
    """This tests the rendered rules; the cluster's network plugin enforces them."""
    spec = render(values("operator-cert-manager"))["NetworkPolicy", KEY]["spec"]
    reviewed, scraped = spec["ingress"]
    assert reviewed == {"ports": [{"port": 10250, "protocol": "TCP"}]}
    assert scraped == {
        "ports": [{"port": 8080, "protocol": "TCP"}],
        "from": [{"namespaceSelector": {}}],
    }
    ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 443, 6443]


def test_the_operators_metrics_are_scraped_like_the_services() -> None:
    monitored = render(values("operator-cert-manager"))
    for name in ("double-booked", KEY):
        wanted = monitored["ServiceMonitor", name]["spec"]["selector"]["matchLabels"]
        found = [
            manifest["metadata"]["name"]
            for manifest in monitored.values()
            if manifest["kind"] == "Service"
            and wanted.items() <= manifest["metadata"]["labels"].items()
        ]
        assert found == [f"{name}-metrics"]
    assert monitored["Service", f"{KEY}-metrics"]["spec"]["publishNotReadyAddresses"] is True
    assert ("PodMonitoring", KEY) in render(values("operator-namespaced"))
    annotated = render(values("operator"))["Deployment", KEY]["spec"]["template"]["metadata"]
    assert annotated["annotations"]["prometheus.io/port"] == "8080"


@pytest.mark.parametrize("helm", ["helm", "helm3"])
@pytest.mark.parametrize("kind", ["bookings", "calendars", "ledgers"])
def test_a_definition_is_rendered_unchanged(helm: str, kind: str) -> None:
    written = yaml.safe_load((CHART / f"files/crds/{kind}.yaml").read_text())
    [rendered] = [
        manifest
        for manifest in yaml.safe_load_all(template(values("operator"), helm=helm))
        if manifest and manifest["metadata"]["name"] == f"{kind}.double-booked.io"
    ]
    assert rendered["spec"] == written["spec"]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_service_none_of_its_objects_are_rendered(name: str) -> None:
    """Alerts and dashboard, which cover both, stay, and so does a Spark job."""
    alone = ("--set=service.enabled=false,operator.enabled=true", "--set=fullnameOverride=")
    shared = {"CustomResourceDefinition", "PrometheusRule", "ConfigMap"}
    objects = render(values(name), A_FULL_CLUSTER, *alone)
    assert ("Deployment", KEY) in objects
    others = (KEY, "double-booked-spark")
    assert [key for key in objects if not key[1].startswith(others) and key[0] not in shared] == []


def test_the_operator_is_the_same_without_the_service() -> None:
    everything = render(values("operator"), "--no-hooks")
    alone = render(values("operator-only"))
    assert alone.items() <= everything.items()
    assert {kind for kind, _ in everything.keys() - alone.keys()} == {
        "Deployment",
        "Service",
        "ServiceAccount",
        "PodDisruptionBudget",
    }


@pytest.mark.parametrize("name", ["default", "operator", "operator-only"])
def test_the_notes_describe_only_what_is_installed(name: str) -> None:
    command = ("install", "double-booked", str(CHART), "--dry-run=client", values(name))
    _, _, notes = run(tool("helm"), *command).partition("NOTES:")
    assert ("helm test" in notes) is ("GetConflicts" in notes) is (name != "operator-only")
    assert ("It rejects double bookings in all namespaces" in notes) is (name != "default")


def test_definitions_can_be_deleted_with_the_release_or_left_out() -> None:
    key = ("CustomResourceDefinition", "bookings.double-booked.io")
    kept = render(values("operator"))[key]["metadata"]["annotations"]
    assert kept == {
        "helm.sh/resource-policy": "keep",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    }
    bound = render(values("operator"), "--set=crds.keep=false")[key]["metadata"]["annotations"]
    assert bound == {"argocd.argoproj.io/sync-options": "Prune=false"}
    assert key not in render(values("operator-namespaced"))
    assert key not in render(values("operator"), "--set=crds.install=false")


def test_a_definition_has_no_tracking_label_of_argo_cd() -> None:
    objects = render(values("operator"))
    instances = {
        kind: manifest["metadata"]["labels"].get("app.kubernetes.io/instance")
        for (kind, _), manifest in objects.items()
    }
    assert {kind for kind, found in instances.items() if not found} == {"CustomResourceDefinition"}


@pytest.mark.parametrize(
    ("options", "annotations", "is_refused"),
    [
        ("crds.keep=false", {}, True),
        ("operator.enabled=true,crds.enabled=false,crds.keep=false", {}, True),
        ("operator.enabled=true,crds.keep=false", {}, False),
        ("crds.keep=false", {"helm.sh/resource-policy": "keep"}, False),
        ("crds.keep=false", {"meta.helm.sh/release-name": "another"}, False),
        ("crds.keep=true", {}, False),
    ],
)
def test_an_upgrade_that_would_delete_the_definitions_is_rejected(
    options: str, annotations: dict[str, str], *, is_refused: bool
) -> None:
    own = {"meta.helm.sh/release-name": "double-booked", "meta.helm.sh/release-namespace": "shared"}
    live = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "bookings.double-booked.io", "annotations": own | annotations},
    }
    found = rendering_error([live], f"--set={options}")
    assert ("would delete the definitions" in found) is is_refused
    assert ("first upgrade with crds.keep=true" in found) is is_refused


def test_a_former_value_name_is_warned_about() -> None:
    command = ("install", "double-booked", str(CHART), "--dry-run=client")
    assert "Set crds.enabled=false." in run(tool("helm"), *command, "--set=crds.install=false")
    assert "WARNING" not in run(tool("helm"), *command)


def test_names_fit_with_any_release_name() -> None:
    longest = f"--set=fullnameOverride={'a' * 50},metrics.serviceMonitor.enabled=true"
    names = [name for kind, name in render(values("operator"), longest) if kind == "Service"]
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 63


def check(text: str) -> None:
    location = f"-schema-location={write_schemas(NEWEST)}"
    strict = (tool("kubeconform"), "-strict", location, f"-kubernetes-version={NEWEST}", "-")
    run(*strict, text=text)


def test_the_examples_conflict_as_documented() -> None:
    """The week is free of conflicts, and the double booking conflicts with one booking of it."""
    week = events("bookings")
    assert groups(week) == []
    assert groups(week + events("double-booking")) == [
        ("staging", ["load-test-checkout", "hotfix-login"])
    ]


def events(file: str) -> list[dict[str, Any]]:
    """Return the bookings of an example as events."""
    text = (ROOT / f"examples/bookings/{file}.yaml").read_text()
    return [
        {"id": manifest["metadata"]["name"], "resources": manifest["spec"]["calendars"]}
        | {name: manifest["spec"][name] for name in ("start", "end", "title")}
        for manifest in yaml.safe_load_all(text)
    ]


def groups(found: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return resource and event ids of each group of conflicts."""
    calendars = yaml.safe_load_all((ROOT / "examples/bookings/calendars.yaml").read_text())
    capacity = {
        calendar["metadata"]["name"]: calendar["spec"].get("capacity", 1) for calendar in calendars
    }
    request = ParseDict({"events": found, "options": {"capacity": capacity}}, EventList())
    return [
        (conflict.resource, [event.id for event in conflict.conflict_group])
        for conflict in definition.get_conflicts(request).conflicts
    ]


@pytest.mark.parametrize("file", ["calendars", "bookings", "double-booking"])
def test_an_example_matches_the_definitions(file: str) -> None:
    check((ROOT / f"examples/bookings/{file}.yaml").read_text())


def test_a_ledger_of_the_operator_matches_the_definition() -> None:
    created = new_ledger(TEAM)
    made = reserve(booking("made", 9, 10, "staging", "gpu", replaces=("old",)), None)
    moved = reserve(booking("moved", 9, 10.000001, version=7), booking("moved", 8, 9, version=6))
    ruled = reserve(calendar(capacity=2, rejects=False, gap_text="1h30m"), None)
    stored = replace(created, metadata=replace(created.metadata, uid="uid", version=17))
    booked = replace(open_ledger(stored, 2**64 - 1, 0), reservations=(made, moved, ruled))
    check(yaml.safe_dump_all(map(ledger_json, (created, booked, close(booked)))))


def test_a_ledger_of_the_operator_has_room_for_its_reservations() -> None:
    definition = yaml.safe_load((CHART / "files/crds/ledgers.yaml").read_text())
    [version] = definition["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    assert fields["reservations"]["maxItems"] == MAX_RESERVATIONS


@pytest.mark.parametrize(
    ("kind", "spec", "complaint"),
    [
        ("Calendar", {"capacity": 0}, "minimum"),
        ("Calendar", {"policy": "Refuse"}, "policy"),
        ("Calendar", {"minGap": 60}, "minGap"),
        ("Calendar", {"ttlSecondsAfterFinished": -1}, "minimum"),
        ("Booking", {"calendars": ["a"], "start": "2026-12-07T09:00:00Z"}, "end"),
        ("Booking", {"calendar": "a"}, "calendar"),
        ("Booking", {"replaces": "b"}, "replaces"),
    ],
)
def test_an_object_outside_the_definitions_is_found(
    kind: str, spec: dict[str, Any], complaint: str
) -> None:
    manifest = {"apiVersion": "double-booked.io/v1alpha1", "kind": kind, "spec": spec}
    with pytest.raises(AssertionError, match=complaint):
        check(json.dumps(manifest | {"metadata": {"name": "a"}}))


def test_every_field_of_the_definitions_has_a_description() -> None:
    for file in CHART.glob("files/crds/*.yaml"):
        [version] = yaml.safe_load(file.read_text())["spec"]["versions"]
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        of_all_kinds = ("apiVersion", "kind", "metadata")
        waiting = [item for item in properties.items() if item[0] not in of_all_kinds]
        while waiting:
            path, schema = waiting.pop()
            assert schema.get("description"), f"{file.name}: {path}"
            fields = schema.get("items", schema).get("properties", {})
            waiting += [(f"{path}.{name}", field) for name, field in fields.items()]
