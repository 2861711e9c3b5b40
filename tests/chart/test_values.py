"""Values that make no sense are refused, and the refusal helps."""

import pytest

from chart.programs import refusal, render, values

A_CLUSTER = "--api-versions=apiregistration.k8s.io/v1"


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
def test_a_mistake_is_refused(mistake: str, sentence: str) -> None:
    assert sentence in refusal(mistake)


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
def test_a_feature_that_the_cluster_lacks_is_refused(name: str, sentence: str) -> None:
    assert sentence in refusal(values(name), A_CLUSTER)


def test_a_feature_of_a_service_that_is_not_installed_needs_nothing() -> None:
    alone = "--set=service.enabled=false,operator.enabled=true"
    for name in ("gke-ingress", "gke-gateway", "cert-manager"):
        render(values(name), alone, A_CLUSTER)
    render(alone, "--set=tls.source=existingSecret")
