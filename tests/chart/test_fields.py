"""Test the fields of Kubernetes that values pass on to the service and the operator."""

from typing import Any

import pytest
import yaml

from chart.programs import CHART, Objects, container, refusal, render, values

KEY = "double-booked"
OPERATOR = "double-booked-operator"
POD_FIELDS = (
    "runtimeClassName",
    "schedulerName",
    "dnsPolicy",
    "dnsConfig",
    "hostAliases",
    "priorityClassName",
)
DUAL = ("--set=service.ipFamilyPolicy=PreferDualStack", "--set=service.ipFamilies={IPv6,IPv4}")


def given(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text()))


def pod(objects: Objects, name: str) -> dict[str, Any]:
    return dict(objects["Deployment", name]["spec"]["template"]["spec"])


@pytest.mark.parametrize(
    ("name", "deployment", "part"),
    [("everything-else", "conflicts", None), ("operator-namespaced", OPERATOR, "operator")],
)
def test_a_pod_has_the_fields_that_values_set(name: str, deployment: str, part: str | None) -> None:
    own = given(name)[part] if part else given(name)
    rendered = pod(render(values(name)), deployment)
    expected = {key: own[key] for key in POD_FIELDS}
    assert {key: rendered.get(key) for key in expected} == expected
    assert rendered["initContainers"] == own["initContainers"]
    [first, *others] = rendered["containers"]
    assert others == own["extraContainers"]
    assert first["lifecycle"] == own["lifecycle"]
    assert {"name": "scratch", "mountPath": "/tmp"} in first["volumeMounts"]  # noqa: S108 - in a pod


def test_a_pod_has_none_of_these_fields_by_default() -> None:
    objects = render("--set=operator.enabled=true")
    for name in (KEY, OPERATOR):
        assert set(pod(objects, name)).isdisjoint({*POD_FIELDS, "initContainers"})


def test_every_service_has_the_ip_families_of_the_values() -> None:
    options = ("operator.enabled", "headlessService.enabled", "metrics.serviceMonitor.enabled")
    objects = render(*DUAL, *(f"--set={option}=true" for option in options))
    services = [manifest["spec"] for (kind, _), manifest in objects.items() if kind == "Service"]
    assert len(services) == 5
    for spec in services:
        assert spec["ipFamilies"] == ["IPv6", "IPv4"]
        assert spec["ipFamilyPolicy"] == "PreferDualStack"


def test_services_have_the_traffic_distribution_of_the_values() -> None:
    objects = render("--set=service.trafficDistribution=PreferClose,headlessService.enabled=true")
    for name in (KEY, f"{KEY}-headless"):
        assert objects["Service", name]["spec"]["trafficDistribution"] == "PreferClose"


def test_the_grace_period_includes_the_sleep_of_a_hook() -> None:
    def grace(*options: str) -> list[int]:
        objects = render("--set=operator.enabled=true", *options)
        return [pod(objects, name)["terminationGracePeriodSeconds"] for name in (KEY, OPERATOR)]

    sleep = "lifecycle.preStop.sleep.seconds=20"
    assert grace(f"--set={sleep},operator.{sleep}") == [seconds + 20 for seconds in grace()]


def test_a_service_monitor_has_the_fields_that_values_set() -> None:
    [endpoint] = render(values("prometheus-operator"))["ServiceMonitor", KEY]["spec"]["endpoints"]
    assert endpoint["scrapeTimeout"] == "5s"
    assert endpoint["relabelings"][0]["targetLabel"] == "node"


def test_extra_objects_are_rendered_as_templates() -> None:
    objects = render(values("everything-else"))
    assert objects["ConfigMap", "conflicts-more"]["data"] == {"release": "double-booked"}
    assert ("ConfigMap", "conflicts-text") in objects


def test_pods_scale_on_cpu_memory_and_custom_metrics() -> None:
    spec = render(values("autoscaling"))["HorizontalPodAutoscaler", KEY]["spec"]
    kinds = [metric.get("resource", {}).get("name", metric["type"]) for metric in spec["metrics"]]
    assert kinds == ["cpu", "memory", "Pods"]


def test_a_target_of_zero_is_left_out() -> None:
    options = ("--set=autoscaling.targetCPUUtilizationPercentage=0",)
    spec = render(values("autoscaling"), *options)["HorizontalPodAutoscaler", KEY]["spec"]
    assert [metric["type"] for metric in spec["metrics"]] == ["Resource", "Pods"]


def test_a_budget_has_either_max_unavailable_or_min_available() -> None:
    def budget(*options: str) -> dict[str, Any]:
        return dict(render(*options)["PodDisruptionBudget", KEY]["spec"])

    assert budget()["maxUnavailable"] == 1
    least = budget("--set=podDisruptionBudget.minAvailable=1")
    assert least["minAvailable"] == 1
    assert "maxUnavailable" not in least


def test_a_probe_has_the_fields_that_values_set() -> None:
    own = container(render(values("everything-else")), "conflicts")
    assert own["startupProbe"]["initialDelaySeconds"] == 1
    assert own["startupProbe"]["terminationGracePeriodSeconds"] == 20
    assert own["readinessProbe"]["successThreshold"] == 2


def test_the_operators_probes_are_values_too() -> None:
    options = ("--set=operator.enabled=true,operator.livenessProbe.initialDelaySeconds=7",)
    own = container(render(*options), OPERATOR)
    assert own["livenessProbe"]["initialDelaySeconds"] == 7
    assert own["livenessProbe"]["failureThreshold"] == 6
    assert own["readinessProbe"]["periodSeconds"] == 2


def test_a_pod_monitor_selects_pods_without_a_service() -> None:
    objects = render(values("pod-monitor"))
    for name in (KEY, OPERATOR):
        monitor = objects["PodMonitor", name]
        labels = objects["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["scrapeTimeout"] == "5s"
        assert endpoint["relabelings"][0]["targetLabel"] == "node"
        assert endpoint["metricRelabelings"][0]["action"] == "drop"
    assert ("Service", f"{KEY}-metrics") not in objects


def test_pod_monitoring_has_the_relabeling_of_the_values() -> None:
    monitor = render(values("operator-namespaced"))["PodMonitoring", OPERATOR]
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["timeout"] == "10s"
    assert endpoint["metricRelabeling"][0]["action"] == "drop"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("service.ipFamilies={IPv4,IPv6}", "service.ipFamilyPolicy is empty"),
        (
            "service.ipFamilies={IPv4,IPv6},service.ipFamilyPolicy=SingleStack",
            "choose PreferDualStack",
        ),
        (
            "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true",
            "scrape every pod twice",
        ),
        (
            "metrics.podMonitor.enabled=true,metrics.podMonitor.scrapeTimeout=1m",
            "longer than metrics.podMonitor.interval",
        ),
        (
            "metrics.podMonitoring.enabled=true,metrics.podMonitoring.timeout=31s",
            "longer than metrics.podMonitoring.interval",
        ),
        ("extraContainers[0].name=double-booked", "a second container named double-booked"),
        (
            "operator.enabled=true,operator.initContainers[0].name=operator",
            "operator.initContainers and operator.extraContainers",
        ),
        ("dnsPolicy=None", "dnsConfig.nameservers is empty"),
        ("service.trafficDistribution=Near", "/service/trafficDistribution"),
        ("initContainers[0].name=Bad_Name", "/initContainers/0"),
        ("extraObjects[0].kind=A", "/extraObjects/0"),
        ("extraObjects[0]=text", "extraObjects has an entry that is not an object"),
        ("lifecycle.stopSignal=SIGINT", "stopSignal"),
        (
            "lifecycle.preStop.sleep.seconds=1,lifecycle.preStop.exec.command[0]=a",
            "/lifecycle/preStop",
        ),
        ("dnsConfig.nameservers[0]=ns.example.com", "/dnsConfig/nameservers/0"),
        ("hostAliases[0].ip=collector", "/hostAliases/0/ip"),
        ("podDisruptionBudget.minAvailable=101%", "/podDisruptionBudget/minAvailable"),
        ("tls.enabled=false,tls.source=existingSecret", "tls.enabled is false"),
        ("operator.dnsPolicy=Default", "/operator/dnsPolicy"),
        (
            "autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=0",
            "needs something to scale on",
        ),
    ],
)
def test_values_that_the_api_server_would_reject_are_rejected_at_once(
    options: str, reason: str
) -> None:
    assert reason in " ".join(refusal(f"--set={options}").split())


def test_a_preference_unknown_to_an_older_cluster_is_rejected() -> None:
    options = ("--set=service.trafficDistribution=PreferSameNode", "--kube-version=1.33.5")
    assert "needs Kubernetes 1.34" in " ".join(refusal(*options).split())
