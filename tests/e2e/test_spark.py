"""Test the Spark job in a cluster: the image, the driver's rights, and the loss of an executor.

No Spark operator runs here. The tests start the driver as Apache's operator does: from the rendered
SparkApplication, with the pod templates in it.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart.programs import ROOT, Objects, render, run
from e2e.conftest import MAX_SECONDS, Namespace

IMAGE = "docker.io/library/double-booked-spark:dev"
DRIVER = "driver"
OPTIONS = (
    "--set=service.enabled=false,spark.enabled=true,spark.operator=apache,spark.resource=room",
    "--set=image.pullPolicy=Never,spark.image.repository=docker.io/library/double-booked-spark",
    "--set=spark.image.tag=dev,spark.input=/data/events,spark.output=/data/conflicts",
    "--set=spark.failOn=any,spark.extraArgs={--unit=s,--max-events-per-range=5000}",
    "--set=spark.driver.memory=1g,spark.executor.memory=1g,spark.executor.memoryOverhead=1g",
    "--set=spark.executor.cores=1,spark.executor.minInstances=2,spark.executor.maxInstances=2",
    r"--set-string=spark.sparkConf.spark\.kubernetes\.executor\.request\.cores=100m",
)
MAKE_EVENTS = """
import os, random
import pyarrow as pa, pyarrow.parquet as pq
os.makedirs("/data/events")
chosen = random.Random(1)
for file in range(4):
    rows = range(file * 25_000, (file + 1) * 25_000)
    starts = [chosen.randrange(10_000_000) for _ in rows]
    # Half of the events are in one room, which is therefore cut into ranges.
    rooms = [f"room-{chosen.randrange(500) if row % 2 else 0}" for row in rows]
    ends = [start + chosen.randrange(60) for start in starts]
    table = pa.table({"id": rows, "start": starts, "end": ends, "room": rooms})
    pq.write_table(table, f"/data/events/{file}.parquet")
os.chmod("/data", 0o777)
print(100_000)
"""
COMPARE = """
import shutil
import pyarrow as pa, pyarrow.parquet as pq
from double_booked.columns import find_groups
events = pq.read_table("/data/events").sort_by("id")
found = find_groups(events["start"], events["end"], events["room"], unit="s")
groups = pa.array(found.first).to_pylist()
expected = {(id, group) for id, group in enumerate(groups) if group is not None}
members = pq.read_table("/data/conflicts/members")
found = set(zip(members["key"].to_pylist(), members["group"].to_pylist()))
assert found == expected, (len(found), len(expected), list(found ^ expected)[:9])
print(len(found), len(set(members["group"].to_pylist())))
for folder in ("events", "conflicts"):
    shutil.rmtree(f"/data/{folder}")
"""


@pytest.fixture(scope="module")
def image() -> None:
    """Load the image of the job into the cluster."""
    archive = ROOT / "build/spark-image.tar"
    assert archive.exists(), f"there is no {archive}; run `make spark-image`"
    run(*shlex.split(os.environ["LOAD_IMAGE"]), str(archive), seconds=MAX_SECONDS)


@pytest.fixture
def place(image: None) -> Iterator[Namespace]:  # noqa: ARG001 - it is there then
    created = Namespace(f"spark-{uuid4().hex[:8]}")
    created.kubectl("create", "namespace", created.name)
    try:
        yield created
    finally:
        created.kubectl("delete", "namespace", created.name, "--wait=false")


def with_data(pod: dict[str, Any], place: Namespace) -> dict[str, Any]:
    """Return the specification of a pod with a folder that all pods share, at /data."""
    [container] = pod["containers"]
    mounts = [*container.get("volumeMounts", ()), {"name": "data", "mountPath": "/data"}]
    folder = {"path": f"/tmp/{place.name}", "type": "DirectoryOrCreate"}  # noqa: S108 - of the node
    volumes = [*pod.get("volumes", ()), {"name": "data", "hostPath": folder}]
    return pod | {"containers": [container | {"volumeMounts": mounts}], "volumes": volumes}


def run_script(place: Namespace, name: str, script: str) -> str:
    """Run Python in the image as root, who may write to a folder of the node; return its output."""
    container = {"name": name, "image": IMAGE, "command": ["python3", "-c", script]}
    container |= {"imagePullPolicy": "Never", "securityContext": {"runAsUser": 0}}
    pod = with_data({"restartPolicy": "Never", "containers": [container]}, place)
    metadata = {"name": name}
    place.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    phase, output = place.until_pod_ended(name), place.kubectl("logs", name)
    assert phase == "Succeeded", output
    return output


def driver_arguments(application: dict[str, Any], place: Namespace) -> list[str]:
    """Return the arguments of the image's entry point, as an operator passes them."""
    conf = application["sparkConf"] | {
        "spark.master": "k8s://https://kubernetes.default.svc",
        "spark.kubernetes.namespace": place.name,
        "spark.kubernetes.driver.pod.name": DRIVER,
        "spark.kubernetes.executor.podTemplateFile": "/template/executor.yaml",
        "spark.driver.host": "$(SPARK_DRIVER_BIND_ADDRESS)",
    }
    options = [f"--conf={key}={value}" for key, value in conf.items()]
    return ["driver", *options, application["pyFiles"], *application["driverArgs"]]


def driver_pod(objects: Objects, place: Namespace) -> dict[str, Any]:
    """Return the driver's pod, made of its template in the SparkApplication."""
    application = objects["SparkApplication", "double-booked-spark"]["spec"]
    template = application["driverSpec"]["podTemplateSpec"]
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    [container] = template["spec"]["containers"]
    container |= {"image": IMAGE, "imagePullPolicy": "Never"}
    container["args"] = driver_arguments(application, place)
    container["env"] = [{"name": "SPARK_DRIVER_BIND_ADDRESS", "valueFrom": address}]
    # Operators let Spark add this to the driver: a folder for its data.
    container["env"].append({"name": "SPARK_LOCAL_DIRS", "value": "/var/data/spark"})
    container["volumeMounts"] += [
        {"name": "template", "mountPath": "/template"},
        {"name": "spark-data", "mountPath": "/var/data/spark"},
    ]
    account = application["sparkConf"]["spark.kubernetes.authenticate.driver.serviceAccountName"]
    template["spec"] |= {"serviceAccountName": account, "restartPolicy": "Never"}
    template["spec"]["volumes"] += [
        {"name": "template", "configMap": {"name": "template"}},
        {"name": "spark-data", "emptyDir": {}},
    ]
    template["metadata"] |= {"name": DRIVER}
    return template | {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": with_data(template["spec"], place),
    }


def executor_template(objects: Objects, place: Namespace) -> dict[str, Any]:
    """Return a ConfigMap with the template of the executors' pods."""
    application = objects["SparkApplication", "double-booked-spark"]["spec"]
    template = application["executorSpec"]["podTemplateSpec"]
    text = yaml.safe_dump(template | {"spec": with_data(template["spec"], place)})
    metadata = {"name": "template"}
    data = {"executor.yaml": text}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def running_executors(place: Namespace) -> list[str]:
    """Return the names of the executors that run."""
    running = ("--selector=spark-role=executor", "--field-selector=status.phase=Running")
    return place.kubectl("get", "pods", *running, "--output=name").split()


def follow_log(place: Namespace) -> Iterator[str]:
    """Yield the lines of the driver's log until it ends."""
    started = "--for=jsonpath={.status.containerStatuses[0].started}=true"
    place.kubectl("wait", started, "--timeout=100s", f"pod/{DRIVER}")
    command = place.command("logs", "--follow", DRIVER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield from process.stdout


def start_driver(place: Namespace) -> None:
    """Create the driver's pod, with the accounts and rights of the chart."""
    objects = render(*OPTIONS, f"--namespace={place.name}")
    rights = [manifest for (kind, _), manifest in objects.items() if kind != "SparkApplication"]
    place.apply(*rights, executor_template(objects, place), driver_pod(objects, place))


def test_the_answer_is_that_of_columns_after_the_loss_of_an_executor(place: Namespace) -> None:
    events = run_script(place, "make-events", MAKE_EVENTS)
    start_driver(place)
    lines = []
    for line in follow_log(place):
        lines.append(line)
        if sum("Finished task" in earlier for earlier in lines) == 8 and "Finished task" in line:
            lost, _ = running_executors(place)
            place.kubectl("delete", "--force", "--grace-period=0", lost)
    text = "".join(lines)
    assert place.until_pod_ended(DRIVER) == "Failed", text
    [status] = place.get("pod", DRIVER)["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 1, text  # there are conflicts
    # The other one may be done before a third one has started.
    assert "Executor lost" in text
    assert "forbidden" not in text
    found = json.loads([line for line in lines if line.startswith("{")][-1])
    assert (found["event"], found["events"]) == ("searched table", int(events))
    assert run_script(place, "compare", COMPARE) == f"{found['members']} {found['groups']}\n"
