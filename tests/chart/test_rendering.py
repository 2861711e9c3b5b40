"""Test what the chart renders for each feature."""

import json
from typing import Any

import pytest
import yaml

from chart.programs import (
    A_FULL_CLUSTER,
    CHART,
    NAMES,
    NEWEST,
    OLDEST,
    ROOT,
    Objects,
    container,
    environment,
    render,
    run,
    template,
    tool,
    values,
)
from chart.schemas import write_schemas

KEY = "double-booked"


def pod(objects: Objects) -> dict[str, Any]:
    return dict(objects["Deployment", KEY]["spec"]["template"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_helm_lint_finds_nothing(helm: str, name: str) -> None:
    run(tool(helm), "lint", "--strict", "--quiet", str(CHART), values(name))


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_knows_every_field(name: str, kubernetes: str) -> None:
    location = f"-schema-location={write_schemas(kubernetes)}"
    check = (tool("kubeconform"), "-strict", location, f"-kubernetes-version={kubernetes}", "-")
    run(*check, text=template(values(name), A_FULL_CLUSTER, kubernetes=kubernetes))


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    location = f"-schema-location={write_schemas(NEWEST)}"
    check = (tool("kubeconform"), "-strict", location, f"-kubernetes-version={NEWEST}", "-")
    with pytest.raises(AssertionError, match="minReadySecond"):
        run(*check, text=template().replace("minReadySeconds", "minReadySecond"))


@pytest.mark.parametrize("name", NAMES)
def test_both_helm_versions_render_the_same_every_time(name: str) -> None:
    first, second = template(values(name)), template(values(name))
    assert first == second
    assert sorted_objects(first) == sorted_objects(template(values(name), helm="helm3"))


def sorted_objects(text: str) -> list[str]:
    """Return each object as text, sorted: Helm 3 and 4 order webhook configurations differently."""
    return sorted(yaml.safe_dump(manifest) for manifest in yaml.safe_load_all(text) if manifest)


def test_the_service_keeps_the_contract_of_the_original() -> None:
    service = render()["Service", KEY]
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["selector"]["app"] == service["metadata"]["labels"]["app"] == KEY
    [port] = service["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("double-booked-port", 443, 7070)
    protocols = json.loads(service["metadata"]["annotations"]["cloud.google.com/app-protocols"])
    assert protocols == {"double-booked-port": "HTTP2"}


def test_tls_is_on_and_needs_no_secret() -> None:
    objects = render()
    assert environment(objects)["TLS_SELF_SIGNED"] == "true"
    assert container(objects)["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {kind for kind, _ in objects}.isdisjoint({"Secret", "Certificate"})


def test_without_tls_the_service_says_h2c() -> None:
    objects = render(values("plaintext"))
    service = objects["Service", KEY]
    assert "annotations" not in service["metadata"]
    assert service["spec"]["ports"][0]["appProtocol"] == "kubernetes.io/h2c"
    assert container(objects)["readinessProbe"]["grpc"] == {"port": 7070}
    assert not [name for name in environment(objects) if name.startswith("TLS_")]


@pytest.mark.parametrize(
    ("name", "delay"), [("default", 15), ("gke-ingress", 30), ("gke-gateway", 30), ("spot", 5)]
)
def test_the_grace_period_covers_the_drain(name: str, delay: int) -> None:
    objects = render(values(name))
    settings = environment(objects)
    assert settings["DRAIN_DELAY"] == str(delay)
    grace = delay + int(settings["SHUTDOWN_GRACE"]) + 5
    assert pod(objects)["spec"]["terminationGracePeriodSeconds"] == grace
    assert objects["Deployment", KEY]["spec"]["minReadySeconds"] == 10


def test_connections_are_renewed_where_no_load_balancer_spreads_calls() -> None:
    for name, age in {"default": "600", "gke-ingress": "0", "gke-gateway": "0"}.items():
        assert environment(render(values(name)))["MAX_CONNECTION_AGE"] == age
    own = "--set=settings.maxConnectionAge=60"
    assert environment(render(values("gke-ingress"), own))["MAX_CONNECTION_AGE"] == "60"


def test_a_gke_gateway_speaks_http2_over_tls_to_pods_by_default() -> None:
    objects = render(values("gke-gateway"))
    assert objects["Service", KEY]["spec"]["ports"][0]["appProtocol"] == "HTTP2"
    assert environment(objects)["TLS_SELF_SIGNED"] == "true"
    plain = render(values("gke-gateway"), "--set=tls.enabled=false")
    assert plain["Service", KEY]["spec"]["ports"][0]["appProtocol"] == "kubernetes.io/h2c"


def test_pods_have_no_rights_beyond_serving() -> None:
    spec = pod(render())["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container(render())["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_no_pod_has_the_chart_version() -> None:
    text = yaml.safe_dump(pod(render()))
    assert "helm.sh/chart" not in text
    assert "app.kubernetes.io/version" not in text


@pytest.mark.parametrize("name", ["autoscaling", "scaled-by-others"])
def test_autoscaling_leaves_replicas_unset(name: str) -> None:
    assert "replicas" not in render(values(name))["Deployment", KEY]["spec"]


def test_an_image_reference_precedes_digest_and_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    assert container(render())["image"] == "double-booked:0.2.0"
    assert container(render("--set-string=image.tag=2"))["image"] == "double-booked:2"
    by_digest = ("--set-string=image.tag=2", f"--set=image.digest={digest}")
    assert container(render(*by_digest))["image"] == f"double-booked@{digest}"
    assert container(render(*by_digest, "--set=image.reference=a/b:c@d"))["image"] == "a/b:c@d"


def test_worker_threads_follow_the_cpu_limit() -> None:
    [found] = [
        variable for variable in container(render())["env"] if variable["name"] == "WORKER_THREADS"
    ]
    assert found["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"


@pytest.mark.parametrize("name", ["gke-ingress", "gke-gateway"])
def test_google_load_balancers_reach_both_ports(name: str) -> None:
    """This tests the rendered rules; the cluster's network plugin enforces them."""
    spec = render(values(name))["NetworkPolicy", KEY]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    for port, rule in zip((7070, 8080), spec["ingress"], strict=True):
        assert rule["ports"] == [{"port": port, "protocol": "TCP"}]
        ranges = [source["ipBlock"]["cidr"] for source in rule["from"] if "ipBlock" in source]
        assert {"130.211.0.0/22", "35.191.0.0/16"} <= set(ranges)
        assert ("10.129.0.0/23" in ranges) is (name == "gke-gateway")


def test_the_network_policy_lets_pods_reach_only_dns() -> None:
    """This tests the rendered rules, as above."""
    spec = render("--set=networkPolicy.enabled=true")["NetworkPolicy", KEY]["spec"]
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53]
    assert {port["port"] for rule in spec["ingress"] for port in rule["ports"]} == {7070, 8080}


def test_an_ingress_has_what_grpc_needs_on_gke() -> None:
    objects = render(values("gke-ingress"))
    annotations = objects["Service", KEY]["metadata"]["annotations"]
    assert json.loads(annotations["cloud.google.com/neg"]) == {"ingress": True}
    config = objects[
        "BackendConfig", json.loads(annotations["cloud.google.com/backend-config"])["default"]
    ]
    check = config["spec"]["healthCheck"]
    assert (check["type"], check["port"], check["requestPath"]) == ("HTTP", 8080, "/readyz")
    assert config["spec"]["timeoutSec"] == 3600
    assert ("FrontendConfig", KEY) in objects


@pytest.mark.parametrize(
    ("name", "kind"), [("gke-gateway", "HTTPRoute"), ("grpc-route", "GRPCRoute")]
)
def test_a_route_names_the_services_methods(name: str, kind: str) -> None:
    objects = render(values(name))
    text = json.dumps(objects[kind, KEY]["spec"]["rules"])
    assert "Scheduling.ConflictService" in text
    assert (("HealthCheckPolicy", KEY) in objects) is (name == "gke-gateway")


def test_nothing_optional_is_rendered_by_default() -> None:
    kinds = {kind for kind, _ in render("--no-hooks")}
    assert kinds == {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"}


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_a_rendering_for_kubectl_has_no_test_pod(helm: str) -> None:
    assert "kind: Pod\n" not in template(helm=helm)
    assert "kind: Pod\n" in template(A_FULL_CLUSTER, helm=helm)


def test_the_helm_test_is_one_container_whose_log_is_kept() -> None:
    found = render(A_FULL_CLUSTER, values("mutual-tls"))
    hooks = {
        key: manifest["metadata"]["annotations"]
        for key, manifest in found.items()
        if "helm.sh/hook" in manifest["metadata"].get("annotations", {})
    }
    # Helm 3 reads logs of every test hook as if it were a pod, and deletes hooks before reading.
    [(key, annotations)] = hooks.items()
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation"
    spec = found[key]["spec"]
    [only] = spec["containers"]
    assert "initContainers" not in spec
    assert (only["args"][0], only["args"][-1]) == ("check", "/events/events.json")
    requests = {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "16Mi"}
    assert only["resources"]["requests"] == requests
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 90)


def test_no_sidecar_keeps_the_helm_test_running() -> None:
    test = render(A_FULL_CLUSTER)["Pod", f"{KEY}-test"]["metadata"]
    assert test["labels"]["sidecar.istio.io/inject"] == "false"
    assert test["annotations"]["linkerd.io/inject"] == "disabled"
    meshed = "--set-string=helmTest.podLabels.sidecar\\.istio\\.io/inject=true"
    labels = render(A_FULL_CLUSTER, meshed)["Pod", f"{KEY}-test"]["metadata"]["labels"]
    assert labels["sidecar.istio.io/inject"] == "true"
    assert labels["app.kubernetes.io/name"] == f"{KEY}-test"


def test_mutual_tls_reads_authorities_from_a_secret() -> None:
    settings = environment(render(values("mutual-tls")))
    assert settings["TLS_CLIENT_CA_FILE"] == "/client-ca/ca.crt"
    assert settings["TLS_CERT_FILE"] == "/tls/tls.crt"


def test_the_readme_lists_every_value() -> None:
    """If this fails, run `make chart-docs`."""
    written = (CHART / "README.md").read_text()
    readme = run(tool("helm-docs"), "--chart-search-root=charts", "--dry-run", "--log-level=error")
    assert readme.strip() == written.strip()


def test_the_chart_has_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["default", "plaintext", "tls-existing-secret", "gke-gateway"])
def test_the_notes_say_how_to_reach_the_service(name: str) -> None:
    command = ("install", "double-booked", str(CHART), "--dry-run=client", values(name))
    _, _, notes = run(tool("helm"), *command).partition("NOTES:")
    assert "get events --sort-by=.lastTimestamp" in notes
    assert ("grpcurl -plaintext $NODE:$PORT" in notes) is (name == "plaintext")
    assert ("No Python or Go client that verifies" in notes) is (name in {"default", "gke-gateway"})
    assert ("{.spec.ports[0].nodePort}" in notes) is (name != "gke-gateway")
