"""Requests to the API server, and how failures are handled."""

import asyncio
import json

import kopf
import pytest

from double_booked.operator.cluster import Cluster, ClusterError, path_of, url_path
from double_booked.operator.objects import API_VERSION, NamespacedName

from .factories import key, raw_booking
from .fake_api_server import BOOKINGS, EVENTS, SECRETS, FakeApiServer

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
PATH = f"{BOOKINGS}/a"


@pytest.fixture
def booked(api: FakeApiServer) -> FakeApiServer:
    api.put(PATH, raw_booking("a", *NINE))
    return api


async def test_get_returns_the_object_at_a_path(booked: FakeApiServer, cluster: Cluster) -> None:
    assert path_of("bookings", key("a")) == PATH
    assert await cluster.get(PATH) == booked.objects[PATH]


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_request_to_a_busy_server_is_retried(
    booked: FakeApiServer, cluster: Cluster, code: int
) -> None:
    booked.fail("GET", PATH, code, code)
    assert (await cluster.get(PATH))["metadata"]["name"] == "a"
    assert booked.count("GET", PATH) == 3


async def test_a_client_error_is_not_retried_and_has_the_reason(
    booked: FakeApiServer, cluster: Cluster
) -> None:
    booked.fail("GET", PATH, 403)
    with pytest.raises(ClusterError, match="configured to fail with 403") as rejected:
        await cluster.get(PATH)
    assert rejected.value.code == 403
    assert booked.count("GET", PATH) == 1


async def test_a_create_is_not_retried(booked: FakeApiServer, cluster: Cluster) -> None:
    booked.fail("POST", EVENTS, 503)
    with pytest.raises(ClusterError, match="configured to fail with 503"):
        await cluster.create(EVENTS, {"metadata": {"name": "e"}})
    assert booked.count("POST", EVENTS) == 1


async def test_requests_in_progress_survive_a_new_login(booked: FakeApiServer) -> None:
    logins: list[kopf.ConnectionInfo] = []

    def log_in() -> kopf.ConnectionInfo:
        logins.append(kopf.ConnectionInfo(server=booked.url))
        return logins[-1]

    cluster = Cluster(log_in)
    try:
        released = booked.held_responses["GET", PATH] = asyncio.Event()
        slow = asyncio.create_task(cluster.get(PATH, tries=1))
        while not booked.count("GET", PATH):
            await asyncio.sleep(0)
        other = f"{BOOKINGS}/b"
        booked.put(other, raw_booking("b", *NINE))
        booked.fail("GET", other, 401, 401, 401)
        answers = await asyncio.gather(*(cluster.get(other) for _ in range(3)))
        assert {answer["metadata"]["name"] for answer in answers} == {"b"}
        released.set()
        assert (await slow)["metadata"]["name"] == "a"
        assert len(logins) == 2
    finally:
        await cluster.close()


async def test_an_expired_token_is_replaced(booked: FakeApiServer) -> None:
    logins = []

    def log_in() -> kopf.ConnectionInfo:
        logins.append(len(logins))
        return kopf.ConnectionInfo(server=booked.url, token=f"token-{len(logins)}")

    cluster = Cluster(log_in)
    try:
        booked.fail("GET", PATH, 401)
        assert (await cluster.get(PATH))["metadata"]["name"] == "a"
    finally:
        await cluster.close()
    assert logins == [0, 1]


async def test_a_missing_answer_has_code_0() -> None:
    cluster = Cluster(lambda: kopf.ConnectionInfo(server="http://127.0.0.1:1"))
    try:
        with pytest.raises(ClusterError, match="the API server does not answer") as failed:
            await cluster.get(PATH, tries=1)
    finally:
        await cluster.close()
    assert failed.value.code == 0


async def test_lines_are_whole_however_their_bytes_arrive(
    booked: FakeApiServer, cluster: Cluster
) -> None:
    parameters = {"watch": "1", "resourceVersion": "0"}
    booked.put(PATH, raw_booking("a", *NINE) | {"note": "x" * 300_000})
    kinds = []
    async for line in cluster.lines(BOOKINGS, parameters, silence=5):
        kinds.append(json.loads(line)["type"])
        if len(kinds) == 2:
            booked.end_watches()
    assert kinds == ["ADDED", "MODIFIED"]


@pytest.mark.parametrize(
    "name", ["../a", "a/../b", "a?b=c", "a#b", "a%2fb", "a b", "\u00e9", "..a"]
)
async def test_a_name_never_leads_to_another_object(
    api: FakeApiServer, cluster: Cluster, name: str
) -> None:
    api.put(f"{BOOKINGS}/b", raw_booking("b", *NINE))
    with pytest.raises(ClusterError) as rejected:
        await cluster.get(path_of("bookings", NamespacedName("team", name)))
    assert rejected.value.code == 404
    assert api.requests == [("GET", f"{BOOKINGS}/{name}")]


async def test_a_namespace_of_dots_reaches_no_secret(api: FakeApiServer, cluster: Cluster) -> None:
    secret = api.put(f"{SECRETS}/webhook", {})
    assert secret
    namespace = "../../../../api/v1/namespaces/team/secrets/webhook?a="
    with pytest.raises(ClusterError):
        await cluster.get(path_of("bookings", NamespacedName(namespace, "a")))
    [(_, path)] = api.requests
    assert path == f"/apis/{API_VERSION}/namespaces/{namespace}/bookings/a"


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_segment_of_dots_is_rejected(segment: str) -> None:
    with pytest.raises(ValueError, match="cannot be a segment"):
        url_path("api", segment)
