"""The certificate that the webhook serves, from a Secret or from files."""

import asyncio
import base64
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from double_booked.certificates import PemFile
from double_booked.operator import authority
from double_booked.operator.cluster import Cluster
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Key
from double_booked.operator.webhook_tls import Files, Kept, WebhookTls
from operator_api import SECRETS, WEBHOOKS, Api
from server.certificate_authority import Authority

SECRET = f"{SECRETS}/webhook"
CONFIGURATION = f"{WEBHOOKS}/double-booked"
NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def configured(api: Api) -> Api:
    """An API server with a configuration of two webhooks."""
    webhooks = [{"name": name, "clientConfig": {"service": {}}} for name in ("one", "two")]
    api.objects[CONFIGURATION] = {
        "metadata": {"uid": "", "generation": 1, "resourceVersion": "1"},
        "webhooks": webhooks,
    }
    return api


def kept(cluster: Cluster) -> WebhookTls:
    return WebhookTls(Kept(cluster, Key("team", "webhook"), "double-booked", NAMES), Metrics())


def trusted(api: Api) -> set[bytes]:
    """What the webhooks trust."""
    found = api.objects[CONFIGURATION]["webhooks"]
    return {base64.b64decode(each["clientConfig"].get("caBundle", "")) for each in found}


def secret(api: Api) -> dict[str, bytes]:
    data: dict[str, str] = api.objects[SECRET]["data"]
    return {name: base64.b64decode(value) for name, value in data.items()}


def reloads(tls: WebhookTls, result: str) -> float | None:
    name = "double_booked_operator_tls_reloads_total"
    return tls._metrics.registry.get_sample_value(name, {"result": result})  # noqa: SLF001


@asynccontextmanager
async def listening(tls: WebhookTls) -> AsyncIterator[int]:
    """A port on which the context is served."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shown(port: int, authorities: bytes, flags: int = ssl.VERIFY_X509_STRICT) -> bytes:
    """The certificate that is shown to somebody who verifies it, strictly or not."""
    context = ssl.create_default_context(cadata=authorities.decode())
    context.verify_flags = ssl.VerifyFlags(flags)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
    ):
        shown = wrapped.getpeercert(binary_form=True)
        assert shown
        return shown


async def test_it_makes_what_is_not_there_and_has_it_trusted(
    configured: Api, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.first()
    assert trusted(configured) == {secret(configured)["ca.crt"]}
    assert configured.objects[SECRET]["type"] == "kubernetes.io/tls"
    assert tls.expiry > dt.datetime.now(dt.UTC).timestamp()
    async with listening(tls) as port:
        assert await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])


async def test_it_takes_what_another_process_made(configured: Api, cluster: Cluster) -> None:
    await kept(cluster).first()
    before = secret(configured)
    await kept(cluster).first()
    assert secret(configured) == before


async def test_a_bundle_that_is_lost_is_set_again(configured: Api, cluster: Cluster) -> None:
    tls = kept(cluster)
    await tls.first()
    configured.objects[CONFIGURATION]["webhooks"][1]["clientConfig"] = {"service": {}}
    await tls.look()
    assert trusted(configured) == {secret(configured)["ca.crt"]}


async def test_another_certificate_is_served_by_the_listener_that_runs(
    configured: Api, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.first()
    async with listening(tls) as port:
        before = await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])
        held = secret(configured)
        without = authority.Material(held["ca.crt"], held["ca.key"], b"", b"")
        other = authority.renew(without, NAMES, dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
        data = {"tls.crt": other.certificate, "tls.key": other.key}
        for name, content in data.items():
            configured.objects[SECRET]["data"][name] = base64.b64encode(content).decode()
        await tls.look()
        after = await asyncio.to_thread(shown, port, secret(configured)["ca.crt"])
    assert before != after
    assert reloads(tls, "success") == 1


async def test_a_secret_that_is_lost_gets_a_successor_that_is_trusted_before_it_is_served(
    configured: Api, cluster: Cluster
) -> None:
    tls = kept(cluster)
    await tls.first()
    old = secret(configured)["ca.crt"]
    configured.delete(SECRET)
    async with listening(tls) as port:
        await tls.look()
        [bundle] = trusted(configured)
        assert old in bundle
        assert await asyncio.to_thread(shown, port, old)
        await tls.look()
        new = bundle.removesuffix(old)
        assert await asyncio.to_thread(shown, port, new)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [({"tls.key": "bm8ga2V5"}, "no usable certificate or key"), ({"ca.key": None}, "'ca.key' is")],
)
async def test_a_broken_secret_is_told_counted_and_made_anew(
    configured: Api,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    broken: dict[str, Any],
    reason: str,
) -> None:
    tls = kept(cluster)
    await tls.first()
    data = configured.objects[SECRET]["data"] | broken
    configured.objects[SECRET]["data"] = {name: each for name, each in data.items() if each}
    await tls.look()
    assert reloads(tls, "failure") == 1
    assert reason in capsys.readouterr().out
    await tls.look()
    authority.check(authority.Material(*secret(configured).values()))
    assert reloads(tls, "failure") == 1
    assert reloads(tls, "success") == 1


async def test_where_another_is_quicker_its_material_is_served(
    configured: Api, cluster: Cluster
) -> None:
    tls = kept(cluster)
    configured.fail("POST", SECRETS, 409)
    await tls.look()
    assert tls.expiry == 0
    await tls.first()
    assert tls.expiry > 0


async def test_files_are_followed_and_broken_ones_ignored(tmp_path: Path) -> None:
    one = Authority("One")
    pair = one.issue(tmp_path, "leaf")
    source = Files(PemFile(str(pair.certificate), "CERT"), PemFile(str(pair.key), "KEY"))
    tls = WebhookTls(source, Metrics())
    await tls.first()
    async with listening(tls) as port:
        before = await asyncio.to_thread(shown, port, one.pem(), 0)
        key = pair.key.read_bytes()
        pair.key.write_text("no key")
        for _ in range(3):
            await tls.look()
        assert await asyncio.to_thread(shown, port, one.pem(), 0) == before
        assert reloads(tls, "failure") == 1
        pair.key.write_bytes(key)
        one.issue(tmp_path, "leaf")
        await tls.look()
        assert await asyncio.to_thread(shown, port, one.pem(), 0) != before
        assert reloads(tls, "success") == 1
