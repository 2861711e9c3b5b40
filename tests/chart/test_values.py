"""Test that invalid values are rejected with a helpful message."""

from pathlib import Path

import pytest

from chart.programs import refusal, render, template, values

A_CLUSTER = "--api-versions=apiregistration.k8s.io/v1,flowcontrol.apiserver.k8s.io/v1/FlowSchema"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("--set=replicaCounts=2", "replicaCounts"),
        ("--set=service.typ=ClusterIP", "typ"),
        ("--set=service.type=clusterip", "service"),
        ("--set-string=replicaCount=2", "replicaCount"),
        ("--set=service.port=0", "port"),
        ("--set=settings.maxEventPerList=1", "maxEventPerList"),
        ("--set-string=settings.drainDelay=15s", "drainDelay"),
        ("--set=image.digest=latest", "digest"),
        ("--set=tls.source=letsencrypt", "source"),
        ("--set-string=tls.enabled=false", "enabled"),
        ("--set=tls.source=existingSecret", "tls.existingSecret is empty: name a Secret"),
        ("--set=tls.source=certManager", "tls.certManager.issuerRef.name is empty"),
        ("--set=tls.existingSecret=mine", "set tls.source=existingSecret"),
        ("--set=service.backendProtocol=h2c", "turn TLS off, or use HTTP2"),
        ("--set=service.backendProtocol=HTTP2,tls.enabled=false", "turn TLS on, or use h2c"),
        ("--set=ingress.enabled=true,tls.enabled=false", "speaks HTTP/2 to pods only over TLS"),
        ("--set=ingress.enabled=true,ingress.managedCertificate=true", "needs ingress.host"),
        ("--set=gateway.enabled=true", "name the Gateway to attach to"),
        ("--set=podLabels.app=mine", "select pods by that label"),
        ("--set=operator.podLabels.app=mine", "operator.podLabels sets app"),
        ("--set=operator.replicas=2", "replicas"),
        ("--set=operator.failurePolicy=fail", "failurePolicy"),
        ("--set=operator.timeoutSeconds=31", "timeoutSeconds"),
        ("--set=operator.watchNamespaces={Staging}", "watchNamespaces"),
        ("--set=operator.watchNamespaces={a,a}", "watchNamespaces"),
        ("--set=operator.namespaceSelector.labels.a=b", "labels"),
        ("--set=operator.certificate.source=selfSigned", "source"),
        ("--set-string=crds.enabled=true", "enabled"),
        (
            "--set=operator.watchNamespaces={a},operator.namespaceSelector.matchLabels.a=b",
            "exclude each other",
        ),
        (
            "--set=operator.enabled=true,operator.certificate.source=certManager",
            "operator.certificate.certManager.issuerRef.name is empty",
        ),
        ("--set=operator.serviceAccount.create=false", "not for `default`"),
        ("--set-string=service.enabled=false", "enabled"),
        ("--set=service.enabled=false", "there is nothing to install: set one of them to true"),
    ],
)
def test_a_mistake_is_rejected(mistake: str, sentence: str) -> None:
    assert sentence in refusal(mistake)


ROUTE = "gateway.enabled=true,gateway.parentRefs[0].name=g"
ISSUED = "tls.source=certManager,tls.certManager.issuerRef.name=i"
CERTIFIED = "ingress.enabled=true,ingress.tlsSecret=t"
HOSTED = "operator.enabled=true,operator.hostNetwork=true"
SPREAD = "topologyKey: topology.example, maxSkew: 1, whenUnsatisfiable: DoNotSchedule"
TWICE = ",".join(
    f"topologySpreadConstraints[{number}].{field.replace(': ', '=')}"
    for number in (0, 1)
    for field in SPREAD.split(", ")
)
SCALED = "autoscaling.enabled=true"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (f"{SCALED},autoscaling.minReplicas=9,autoscaling.maxReplicas=8", "lower the minimum"),
        (f"{SCALED},resources.requests=null,resources.limits.cpu=null", "which is not set"),
        (
            f"{SCALED},autoscaling.behavior.scaleDown.stabilizationWindowSeconds=3601",
            "stabilizationWindowSeconds",
        ),
        ("service.type=ClusterIP,service.nodePort=30000", "or leave the port out"),
        ("strategy.rollingUpdate.maxSurge=0", "no pod could be replaced"),
        ("strategy.rollingUpdate.maxSurge=0%", "no pod could be replaced"),
        ("strategy.rollingUpdate.maxSurge=101%", "maxSurge"),
        ("minReadySeconds=600", "minReadySeconds"),
        ("podDisruptionBudget.maxUnavailable=0", "no node could be drained"),
        ("podDisruptionBudget.maxUnavailable=0%", "no node could be drained"),
        (
            "operator.enabled=true,operator.podDisruptionBudget.maxUnavailable=0",
            "set operator.podDisruptionBudget.enabled=false",
        ),
        (
            "operator.enabled=true,operator.podDisruptionBudget.minAvailable=2",
            "operator.podDisruptionBudget.minAvailable is 2 of 2 pods",
        ),
        ("resources.requests.cpu=2001m", "resources.requests.cpu is 2001m, more than"),
        ("resources.requests.memory=1.1Gi", "raise the limit, or request less"),
        ("resources.requests.memory=1074M", "raise the limit, or request less"),
        ("resources.requests.memory=1GB", "memory"),
        ("operator.enabled=true,operator.resources.requests.cpu=2", "operator.resources.requests"),
        ("settings.maxBytesInFlight=1000000000", "or lower the budget"),
        ("settings.maxMessageBytes=2147483648", "maxMessageBytes"),
        ("startupProbe.failureThreshold=9", "lets the server start for 9 s"),
        ("podSecurityContext.runAsUser=0", "no container would start"),
        ("securityContext.runAsUser=0", "no container would start"),
        ("securityContext.privileged=true", "needs securityContext.allowPrivilegeEscalation=true"),
        (f"{ISSUED},tls.certManager.renewBefore=2160h", "or let it last longer"),
        (f"{ISSUED},tls.certManager.renewBefore=129600m1s", "or let it last longer"),
        (f"{ISSUED},tls.certManager.duration=59m", "less than 1h"),
        (f"{ISSUED},tls.certManager.renewBefore=299s", "needs 5m"),
        ("ingress.enabled=true", "ingress.enabled needs a certificate"),
        (
            (
                "ingress.enabled=true,ingress.class=gce-internal,ingress.host=a.example,"
                "ingress.managedCertificate=true"
            ),
            "takes no managed certificate",
        ),
        (
            (
                "ingress.enabled=true,ingress.class=gce-internal,"
                "ingress.annotations.networking\\.gke\\.io/managed-certificates=c"
            ),
            "takes no managed certificate",
        ),
        (
            f"{CERTIFIED},ingress.annotations.kubernetes\\.io/ingress\\.class=gce",
            "set ingress.class instead",
        ),
        (f"{CERTIFIED},ingress.host=10.0.0.1", "host"),
        (f"{CERTIFIED},ingress.host=a..b", "host"),
        (f"{ROUTE},gateway.routeKind=GRPCRoute", "take no GRPCRoute"),
        (f"{ROUTE},tls.clientCA.existingSecret=s", "shows the pods no certificate"),
        (HOSTED, "the kubelet has 10250"),
        (f"{HOSTED},operator.webhookPort=9443,networkPolicy.enabled=true", "policies do not apply"),
        ("operator.enabled=true,operator.webhookPort=8080", "choose two ports"),
        ("operator.webhookPort=443", "webhookPort"),
        ("extraEnv[0].name=DRAIN_DELAY", "set settings.drainDelay instead"),
        ("extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv sets A twice"),
        ("extraEnv[0].name=A,extraEnv[0].value=1", "value"),
        ("operator.enabled=true,operator.extraEnv[0].name=WEBHOOK_HOST", "operator.webhookPort"),
        ("extraArgs={--drain-delay=1}", "set settings.drainDelay instead"),
        ("extraArgs={--drain-delay,x}", "set settings.drainDelay instead"),
        ("extraArgs={--log-calls=all,--log-calls,none}", "extraArgs sets --log-calls twice"),
        (
            "tls.source=existingSecret,tls.existingSecret=s,extraVolumes[0].name=tls",
            "a second volume named tls",
        ),
        ("extraVolumes[0].name=a,extraVolumes[1].name=a", "a second volume named a"),
        ("extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/a", "add it to extraVolumes"),
        (
            (
                "tls.source=existingSecret,tls.existingSecret=s,extraVolumes[0].name=a,"
                "extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/tls/"
            ),
            "a second mount at /tls",
        ),
        ("commonLabels.app\\.kubernetes\\.io/component=metrics", "choose another name"),
        ("commonLabels.rbac\\.authorization\\.k8s\\.io/aggregate-to-view=x", "another name"),
        ("commonLabels.team=a b", "team"),
        ("tolerations[0].operator=Exists,tolerations[0].value=x", "tolerations"),
        ("tolerations[0].key=a,tolerations[0].tolerationSeconds=1", "tolerations"),
        ("topologySpreadConstraints[0].topologyKey=a", "maxSkew"),
        ("networkPolicy.proxyOnlySubnet=10.0.0.0/33", "proxyOnlySubnet"),
        ("metrics.serviceMonitor.interval=30s1m", "interval"),
        ("image.tag=a b", "tag"),
        ("image.repository=registry.example/A", "repository"),
        ("extraEnvFrom[0].prefix=x", "extraEnvFrom"),
        ("networkPolicy.clients[0].ipBlock.cidr=10.0.0.0/33", "cidr"),
        ("operator.namespaceSelector.matchLabels.a=b c", "matchLabels"),
        ("podAnnotations.a b=x", "'a b' does not match"),
        ("service.appProtocol=a b", "appProtocol"),
        ("resources.requests.gpu=1", "gpu"),
        ("resources.requests.nvidia\\.com/gpu=1", "needs the same number in resources.limits"),
        ("revisionHistoryLimit=2147483648", "revisionHistoryLimit"),
        ("podSecurityContext.runAsUser=-1", "runAsUser"),
        (TWICE, "topology.example with DoNotSchedule twice"),
        (
            f"operator.enabled=true,{TWICE.replace('topologyS', 'operator.topologyS')}",
            "operator.topologySpreadConstraints has topology.example with DoNotSchedule twice",
        ),
    ],
)
def test_values_that_kubernetes_would_reject_are_rejected(mistake: str, sentence: str) -> None:
    message = refusal(f"--set={mistake}")
    assert sentence in message
    assert "template:" not in message


@pytest.mark.parametrize(
    "sound",
    [
        "autoscaling.enabled=true,autoscaling.minReplicas=8,autoscaling.maxReplicas=8",
        "resources.requests.cpu=2000m,resources.requests.memory=1024Mi",
        "resources.requests.memory=1e9,resources.requests.cpu=1.5",
        "resources.limits=null",
        "podDisruptionBudget.enabled=false,podDisruptionBudget.maxUnavailable=0",
        "strategy.rollingUpdate.maxUnavailable=1,strategy.rollingUpdate.maxSurge=0",
        "settings.maxBytesInFlight=180000000",
        "extraVolumes[0].name=tls,extraVolumeMounts[0].name=tls,extraVolumeMounts[0].mountPath=/t",
        f"{ISSUED},tls.certManager.renewBefore=2159h59m",
        "ingress.enabled=true,ingress.annotations.ingress\\.gcp\\.kubernetes\\.io/pre-shared-cert=c",
        f"{HOSTED},operator.webhookPort=9443",
        "command={sh},extraArgs={--drain-delay=1}",
    ],
)
def test_valid_values_are_accepted(sound: str) -> None:
    render(f"--set={sound}")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gke-ingress", "needs cloud.google.com/v1/BackendConfig"),
        ("gke-gateway", "needs gateway.networking.k8s.io/v1/HTTPRoute"),
        ("cert-manager", "install cert-manager"),
        ("prometheus-operator", "install the Prometheus operator"),
        ("google-managed-prometheus", "turn managed collection on"),
        ("operator-cert-manager", "operator.certificate.source=certManager needs cert-manager"),
        ("operator-namespaced", "set crds.enabled=true"),
    ],
)
def test_a_feature_without_its_api_in_the_cluster_is_rejected(name: str, sentence: str) -> None:
    assert sentence in refusal(values(name), A_CLUSTER)


def test_a_cluster_without_flow_schemas_can_have_the_operator_without_them() -> None:
    options = (values("operator"), "--api-versions=apiregistration.k8s.io/v1")
    assert "set operator.flowSchema.enabled=false" in refusal(*options)
    render(*options, "--set=operator.flowSchema.enabled=false")


def test_a_feature_of_a_service_that_is_not_installed_needs_no_api() -> None:
    alone = "--set=service.enabled=false,operator.enabled=true"
    for name in ("gke-ingress", "gke-gateway", "cert-manager"):
        render(values(name), alone, A_CLUSTER)
    render(alone, "--set=tls.source=existingSecret")


def test_large_numbers_are_rendered_as_integers(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("revisionHistoryLimit: 1000000\n")
    deployment = render(f"--values={file}")["Deployment", "double-booked"]["spec"]
    assert deployment["revisionHistoryLimit"] == 1000000
    assert "1e+06" not in template(f"--values={file}")
