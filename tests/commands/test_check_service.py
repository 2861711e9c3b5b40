"""`check --server`: the conflicts that a service finds, with and without TLS."""

from pathlib import Path

import pytest

from commands.programs import UNREACHABLE, WEEK, error_of, run, serving
from server.certificate_authority import Authority


def test_service_returns_the_same_conflicts(server: str) -> None:
    ran = run("check", "--server", server, WEEK)
    assert (ran.stdout, ran.stderr) == (run("check", WEEK).stdout, "")
    assert ran.returncode == 1


def test_rejection_by_a_service_is_reported_with_file_and_field(server: str, files: Path) -> None:
    faults = files / "faults.json"
    error = error_of("check", "--strict", "--server", server, files / "free.json", faults)
    assert error == error_of("check", "--strict", files / "free.json", faults)


def test_other_error_of_a_service_is_reported_with_its_code() -> None:
    with serving("--max-message-bytes", "100") as (_, address):
        error = error_of("check", "--server", address, WEEK)
    assert error.startswith(f"{address}: RESOURCE_EXHAUSTED: ")
    assert len(error.splitlines()) == 1


def test_unreachable_service_is_a_one_line_error() -> None:
    error = error_of("check", "--server", UNREACHABLE, WEEK)
    assert error.startswith(f"{UNREACHABLE}: UNAVAILABLE: ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("address", ["nonsense", "host:port", "host:99999", "::1", ""])
def test_invalid_server_address_is_reported(address: str) -> None:
    assert error_of("check", "--server", address, WEEK).startswith(f"'{address}' is not HOST:PORT")


def test_server_name_option_is_verified_instead_of_the_host(secured: tuple[str, list[str]]) -> None:
    address, files = secured
    ran = run("healthcheck", "--server", address, *files, "--server-name", "server")
    assert (ran.stderr, ran.returncode) == ("", 0)
    error = error_of("check", "--server", address, *files, "--server-name", "other", WEEK)
    assert "Hostname Verification Check failed" in error


def test_insecure_client_reports_a_service_without_tls(server: str) -> None:
    error = error_of("check", "--server", server, "--insecure", WEEK)
    assert error.startswith(f"{server}: it shows no certificate: ")


@pytest.mark.parametrize("count", [0, 2])
def test_service_with_mutual_tls_rejects_clients_without_a_certificate(
    secured: tuple[str, list[str]], count: int
) -> None:
    address, files = secured
    error = error_of("check", "--server", address, *files[:count], WEEK)
    assert error.startswith(f"{address}: UNAVAILABLE: ")
    assert len(error.splitlines()) == 1


def test_unverified_certificate_is_a_one_line_error(
    secured: tuple[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "other.crt").write_bytes(Authority("other").pem())
    error = error_of("check", "--server", secured[0], "--ca-file", tmp_path / "other.crt", WEEK)
    assert "CERTIFICATE_VERIFY_FAILED" in error
    assert len(error.splitlines()) == 1


def test_invalid_ca_file_is_reported() -> None:
    error = error_of("check", "--server", UNREACHABLE, "--ca-file", WEEK, WEEK)
    assert error == f"cannot use {WEEK} (--ca-file): it holds no certificate in PEM form"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cert-file", "c"], "TLS needs both --cert-file and --key-file; only one is set."),
        (
            ["--cert-file", "c", "--key-file", "k"],
            "--cert-file and --key-file need --ca-file or --insecure too.",
        ),
        (["--ca-file", "c"], "TLS needs --server too."),
        (["--insecure"], "TLS needs --server too."),
        (["--ca-file", "c", "--insecure"], "--ca-file and --insecure exclude each other."),
        (["--server-name", "n"], "--server-name needs --ca-file too."),
    ],
)
def test_incomplete_tls_options_are_a_usage_error(options: list[str], message: str) -> None:
    checked = run("check", *options, WEEK)
    assert (checked.returncode, checked.stderr.splitlines()[-1]) == (2, f"Error: {message}")
