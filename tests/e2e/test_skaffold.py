"""Test skaffold.yaml with skaffold."""

import shutil
from pathlib import Path

import pytest

from e2e.conftest import MAX_SECONDS, Namespace, clone_sources, has_docker, started_skaffold

pytestmark = pytest.mark.skipif(
    not shutil.which("skaffold"), reason="skaffold is not on PATH: its configuration is not tested"
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    clone_sources(tmp_path / "sources")
    return tmp_path / "sources"


def skaffold(folder: Path, *arguments: str) -> str:
    with started_skaffold(folder, *arguments) as process:
        output, _ = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 0, output
    return output


def test_the_configuration_has_the_current_schema(sources: Path) -> None:
    assert "already version" in skaffold(sources, "fix")


@pytest.mark.parametrize("profile", ["", "production", "gke", "buildah", "buildah-production"])
def test_every_profile_renders_the_chart(sources: Path, profile: str) -> None:
    rendered = skaffold(sources, "render", "--digest-source=tag", f"--profile={profile}")
    assert "kind: Deployment" in rendered
    is_production = profile in {"production", "gke", "buildah-production"}
    assert ("tools/dev.py" in rendered) is not is_production


def test_skaffold_verify_passes_for_production(sources: Path, namespace: Namespace) -> None:
    profile = "--profile=production" if has_docker() else "--profile=buildah-production"
    options = (profile, f"--namespace={namespace.name}")
    skaffold(sources, "build", profile, "--file-output=build.json")
    skaffold(sources, "run", *options)
    output = skaffold(sources, "verify", *options, "--build-artifacts=build.json")
    assert "is SERVING" in output
    skaffold(sources, "delete", *options)
