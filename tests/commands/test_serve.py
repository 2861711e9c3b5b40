"""`serve` as a process: its start, its log, and its end."""

import json
import signal
from pathlib import Path

import pytest

from commands.programs import run, serving
from double_booked.settings import Settings
from server.certificate_authority import Authority


def test_failed_handshake_leaves_only_json_in_the_log(tmp_path: Path) -> None:
    files = Authority("authority").issue(tmp_path, "server")
    options = ["--tls-cert-file", str(files.certificate), "--tls-key-file", str(files.key)]
    with serving(*options) as (process, address):
        assert run("healthcheck", "--server", address).returncode == 1
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"
    assert all(line.startswith("{") for line in log.splitlines())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_service_with_exit_code_0(number: signal.Signals) -> None:
    with serving() as (process, _):
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_help_of_serve_names_every_setting_with_its_variable() -> None:
    words = run("serve", "--help").stdout.split()
    for name in Settings.__dataclass_fields__:
        assert any(word.startswith(f"--{name.replace('_', '-')}") for word in words)
        assert f"{name.upper()};" in words


@pytest.mark.parametrize("variable", ["SERVICE_HOST", "HEALTH_CHECK_HOST"])
def test_invalid_address_prevents_the_start(variable: str) -> None:
    ran = run("serve", **{variable: "nonsense"})
    assert (ran.stdout, ran.returncode) == ("", 2)
    assert "'nonsense' is not an address to listen on" in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr
