"""Test the compose files with a real compose."""

import subprocess

from e2e.conftest import ROOT, tool

DEV = ("-f", "docker-compose.dev.yml")
PROD = (*DEV, "-f", "docker-compose.prod.yml")


def lines(*files: str) -> set[str]:
    """Return the configuration that compose prints, as lines without indent."""
    command = [tool("docker-compose"), *files, "config"]
    read = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.strip() for line in read.stdout.splitlines()}


def test_development_mounts_the_sources_into_the_dev_stage_and_reads_the_environment() -> None:
    read = lines(*DEV)
    assert {"target: dev", "SERVICE_HOST: :7070", "TEST: '0'"} <= read
    assert any(line.endswith("/service:/source/service:rw") for line in read)


def test_production_runs_the_production_stage_without_capabilities() -> None:
    read = lines(*PROD)
    assert {"target: production", "read_only: true", "- ALL", "user: 65532:65532"} <= read
