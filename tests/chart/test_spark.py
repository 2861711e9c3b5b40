"""Test the Spark job of the chart, for both operators."""

from typing import Any

import pytest

from chart.programs import ROOT, Objects, refusal, render, values

KEY = "double-booked-spark"
ALONE = "--set=service.enabled=false,spark.enabled=true,spark.input=in,spark.output=out"
APACHE = "--set=spark.operator=apache"
MAIN = "local:///opt/double-booked/double_booked_spark.py"


def spec(*options: str) -> dict[str, Any]:
    return dict(render(ALONE, *options)["SparkApplication", KEY]["spec"])


def rights(objects: Objects) -> dict[str, list[str]]:
    """Return the verbs of the driver by resource."""
    return {
        resource: rule["verbs"]
        for rule in objects["Role", KEY]["rules"]
        for resource in rule["resources"]
    }


def test_both_operators_start_the_same_command() -> None:
    chosen = "--set=spark.resource=rooms,spark.failOn=any,spark.extraArgs={--min-gap=15m}"
    kubeflow, apache = spec(chosen), spec(chosen, APACHE)
    assert kubeflow["mainApplicationFile"] == apache["pyFiles"] == MAIN
    assert kubeflow["arguments"] == apache["driverArgs"]
    assert kubeflow["arguments"] == [
        *("--input=in", "--output=out", "--key=id", "--start=start", "--end=end"),
        *("--resource=rooms", "--fail-on=any", "--min-gap=15m"),
    ]


def test_both_operators_use_the_same_image_accounts_and_resources() -> None:
    kubeflow, conf = spec(), spec(APACHE)["sparkConf"]
    assert kubeflow["image"] == conf["spark.kubernetes.container.image"]
    for role in ("driver", "executor"):
        account = conf[f"spark.kubernetes.authenticate.{role}.serviceAccountName"]
        assert kubeflow[role]["serviceAccount"] == account
        for field in ("cores", "memory", "memoryOverhead"):
            assert str(kubeflow[role][field]) == conf[f"spark.{role}.{field}"]
    assert kubeflow["sparkConf"].items() <= conf.items()


@pytest.mark.parametrize("role", ["driver", "executor"])
def test_no_pod_runs_as_root_or_writes_to_its_image(role: str) -> None:
    kubeflow, apache = spec()[role], spec(APACHE)[f"{role}Spec"]["podTemplateSpec"]["spec"]
    [container] = apache["containers"]
    assert kubeflow["podSecurityContext"] == apache["securityContext"]
    assert kubeflow["securityContext"] == container["securityContext"]
    assert apache["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert kubeflow["volumeMounts"] == container["volumeMounts"]


def test_the_job_survives_the_loss_of_spot_nodes() -> None:
    kubeflow = render(values("spark"))["ScheduledSparkApplication", KEY]["spec"]["template"]
    assert kubeflow["executor"]["nodeSelector"] == {"cloud.google.com/gke-spot": "true"}
    assert kubeflow["executor"]["tolerations"][0]["key"] == "cloud.google.com/gke-spot"
    assert "nodeSelector" not in kubeflow["driver"]
    assert kubeflow["dynamicAllocation"]["shuffleTrackingEnabled"] is True
    assert spec(APACHE)["sparkConf"]["spark.dynamicAllocation.shuffleTracking.enabled"] == "true"
    assert kubeflow["sparkConf"]["spark.storage.decommission.shuffleBlocks.enabled"] == "true"


def test_a_schedule_makes_a_scheduled_application() -> None:
    objects = render(values("spark"))
    assert ("SparkApplication", KEY) not in objects
    scheduled = objects["ScheduledSparkApplication", KEY]["spec"]
    assert (scheduled["schedule"], scheduled["timeZone"]) == ("0 3 * * *", "Europe/Berlin")
    assert scheduled["concurrencyPolicy"] == "Forbid"


def test_only_the_driver_has_rights_and_only_in_its_namespace() -> None:
    objects = render(ALONE)
    assert {kind for kind, _ in objects if "Role" in kind} == {"Role", "RoleBinding"}
    assert rights(objects).keys() == {"pods", "configmaps", "services"}
    [subject] = objects["RoleBinding", KEY]["subjects"]
    assert subject["name"] == spec()["driver"]["serviceAccount"] == KEY
    executor = objects["ServiceAccount", f"{KEY}-executor"]
    assert executor["automountServiceAccountToken"] is False
    assert spec()["executor"]["serviceAccount"] == f"{KEY}-executor"


def test_a_driver_that_creates_volumes_may_create_claims() -> None:
    assert "create" in rights(render(values("spark")))["persistentvolumeclaims"]


def test_workload_identity_is_an_annotation_of_both_accounts() -> None:
    objects = render(values("spark"))
    for name in (KEY, f"{KEY}-executor"):
        annotations = objects["ServiceAccount", name]["metadata"]["annotations"]
        assert annotations["iam.gke.io/gcp-service-account"].startswith("conflicts@")


def test_an_existing_account_is_that_of_all_pods() -> None:
    own = "--set=spark.serviceAccount.create=false,spark.serviceAccount.name=lake"
    objects = render(ALONE, own)
    assert not [key for key in objects if key[0] == "ServiceAccount"]
    assert {spec(own)[role]["serviceAccount"] for role in ("driver", "executor")} == {"lake"}
    assert objects["RoleBinding", KEY]["subjects"][0]["name"] == "lake"


def test_own_properties_replace_those_of_the_chart() -> None:
    own = r"--set-string=spark.sparkConf.spark\.decommission\.enabled=false"
    assert spec(own)["sparkConf"]["spark.decommission.enabled"] == "false"
    assert spec(own, APACHE)["sparkConf"]["spark.decommission.enabled"] == "false"


def test_prometheus_finds_the_driver() -> None:
    scraped = spec()["driver"]["annotations"]
    assert (scraped["prometheus.io/port"], scraped["prometheus.io/path"]) == (
        "4040",
        "/metrics/prometheus",
    )
    template = spec(APACHE)["driverSpec"]["podTemplateSpec"]
    assert template["metadata"]["annotations"] == scraped
    assert "annotations" not in spec("--set=metrics.scrapeAnnotations=false")["driver"]


def test_the_image_follows_registry_digest_and_secrets() -> None:
    options = (
        "--set=global.imageRegistry=mirror.example,imagePullSecrets={own}",
        f"--set=spark.image.digest=sha256:{'a' * 64}",
    )
    kubeflow, conf = spec(*options), spec(*options, APACHE)["sparkConf"]
    assert kubeflow["image"] == f"mirror.example/double-booked-spark@sha256:{'a' * 64}"
    assert kubeflow["imagePullSecrets"] == ["own"]
    assert conf["spark.kubernetes.container.image.pullSecrets"] == "own"


def test_the_example_renders() -> None:
    objects = render(f"--values={ROOT}/examples/spark/values.yaml")
    template = objects["ScheduledSparkApplication", KEY]["spec"]["template"]
    assert "--input=gs://bookings/events" in template["arguments"]


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("spark.input=", "spark.enabled needs spark.input"),
        ("spark.output=", "spark.enabled needs spark.output"),
        ("spark.operator=apache,spark.schedule=@daily", "Apache's operator has no schedules"),
        ("spark.executor.minInstances=11", "lower the minimum"),
        ("spark.serviceAccount.create=false", "not for `default`"),
        ("spark.operator=google", "/spark/operator"),
        ("spark.schedule=daily", "/spark/schedule"),
        ("spark.executor.memory=4Gi", "/spark/executor/memory"),
        ("spark.image.sparkVersion=3.5.1", "/spark/image/sparkVersion"),
        ("spark.failOn=never", "/spark/failOn"),
        ("spark.sparkConf.executor=1", "/spark/sparkConf"),
    ],
)
def test_values_that_cannot_work_are_rejected(mistake: str, sentence: str) -> None:
    assert sentence in " ".join(refusal(ALONE, f"--set={mistake}").split())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("spark", "install Kubeflow's"), ("spark-apache", "install Apache's Spark operator")],
)
def test_a_job_without_its_operator_is_rejected(name: str, sentence: str) -> None:
    a_cluster = "--api-versions=apiregistration.k8s.io/v1"
    assert sentence in refusal(values(name), a_cluster)
