"""Test the tools and the workflow of a release."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/release.yml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CURRENT = PROJECT["project"]["version"]
# Finds the version of this project, and of no other.
NAMED = re.compile(
    r"(?:double-booked:|newTag: |\?ref=v|^(?:appVersion|version): |kubernetes\.io/version: )"
    r"(\d+\.\d+\.\d+)",
    re.MULTILINE,
)
# The dry run leaves these out: they are tests, or build tools for tests.
TESTS = {"install", "test", "test-chart", "test-image"}


def git(*arguments: str, cwd: Path = ROOT) -> str:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - whichever git there is
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def run(tool: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / tool, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def texts(root: Path) -> dict[str, str]:
    return {
        name: (root / name).read_text(errors="replace")
        for name in git("ls-files", "-z", cwd=root).split("\0")
        if name and (root / name).is_file()
    }


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a new repository with the files of this one."""
    clone = tmp_path / "clone"
    for name in git("ls-files", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    git("init", "--quiet", cwd=clone)
    git("add", "--all", "--force", cwd=clone)
    return clone


def test_every_file_names_the_version_of_the_package() -> None:
    deployed = ("README.md", "docs/", "charts/", "kustomize/", "examples/")
    named = {
        (name, found)
        for name, text in texts(ROOT).items()
        if name.startswith(deployed)
        for found in NAMED.findall(text)
    }
    assert len(named) > 30
    assert [match for match in named if match[1] != CURRENT] == []


def test_make_version_writes_the_version_everywhere(clone: Path) -> None:
    note = "## [Unreleased]\n\n### Added\n\n- One more.\n"
    changed = (clone / "CHANGELOG.md").read_text().replace("## [Unreleased]\n", note, 1)
    (clone / "CHANGELOG.md").write_text(changed)
    before = texts(clone)
    written = run("version.py", "7.8.9", cwd=clone)
    assert (written.returncode, written.stderr) == (0, "")
    old = re.compile(rf"(?<![\d.]){re.escape(CURRENT)}(?!\d|\.\d)")
    for name, text in texts(clone).items():
        if re.search(r"requirements[\w-]*\.txt|go\.(mod|sum)", name):
            assert text == before[name]
        elif name != "CHANGELOG.md":
            assert text == old.sub("7.8.9", before[name])
    assert tomllib.loads((clone / "pyproject.toml").read_text())["project"]["version"] == "7.8.9"
    chart = yaml.safe_load((clone / "charts/double-booked/Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == ("7.8.9", "7.8.9")
    changelog = (clone / "CHANGELOG.md").read_text()
    assert re.search(r"## \[Unreleased\]\n\n## \[7\.8\.9\] - \d{4}-\d\d-\d\d\n\n### ", changelog)
    assert re.search(r"^\[Unreleased\]: .*/compare/v7\.8\.9\.\.\.HEAD$", changelog, re.MULTILINE)
    assert re.search(r"^\[7\.8\.9\]: .*/compare/v.*\.\.\.v7\.8\.9$", changelog, re.MULTILINE)
    notes = run("release_notes.py", "CHANGELOG.md", "v7.8.9", cwd=clone)
    assert notes.stdout.startswith("### ")
    again = run("version.py", "7.8.9", cwd=clone)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("version", ["", "v1.2.3", "1.2", "1.2.3rc1", "01.2.3"])
def test_an_invalid_version_is_rejected(clone: Path, version: str) -> None:
    refused = run("version.py", version, cwd=clone)
    assert refused.returncode == 1
    assert "give three numbers, as in make version VERSION=0.2.0" in refused.stderr


def test_make_version_needs_a_version(clone: Path) -> None:
    result = subprocess.run(
        ["make", "version"],  # noqa: S607 - whichever make there is
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "'' is not a version" in result.stderr
    assert (clone / "CHANGELOG.md").read_text() == (ROOT / "CHANGELOG.md").read_text()


def test_release_notes_are_the_section_of_the_tag(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "30.2.0"\n')
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(
        "# C\n\n## [Unreleased]\n\n## [30.2.0] - 2026-01-02\n\n- new\n\n## [30.1.0]\n- old\n"
    )
    path = str(changelog)
    assert run("release_notes.py", path, "v30.2.0").stdout == "- new\n"
    for tag, reason in (
        ("v30.1.0", "the tag is v30.1.0, but pyproject.toml has version 30.2.0"),
        ("Unreleased", "has no text under [Unreleased]"),
    ):
        refused = run("release_notes.py", path, tag)
        assert refused.returncode == 1
        assert reason in refused.stderr


def steps() -> list[dict[str, Any]]:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_the_workflow_runs_the_steps_of_the_dry_run() -> None:
    commands = "\n".join(step.get("run", "") for step in steps())
    used = set(re.findall(r"\bmake ([a-z][a-z-]*)", commands))
    planned = subprocess.run(
        ["make", "--dry-run", "release-dry-run", "REGISTRY=registry.example"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"MAKEFLAGS": ""},
    ).stdout
    rehearsed = set(re.findall(r"[a-z][a-z-]+", " ".join(re.findall(r"\bmake (.*)", planned))))
    assert used - TESTS - rehearsed == set()
    assert {"dist", "same-digest", "sbom", "push-image", "push-chart", "checksums"} <= used


def test_actions_are_pinned_by_commit() -> None:
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOW.read_text())
    assert len(used) > 10
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_there_is_a_wheel_for_every_python() -> None:
    classifiers = " ".join(PROJECT["project"]["classifiers"])
    pythons = re.findall(r"Python :: 3\.(\d+)", classifiers)
    built = PROJECT["tool"]["cibuildwheel"]["build"]
    assert built == [f"cp3{minor}-manylinux_*" for minor in pythons]


@pytest.mark.parametrize(
    ("safe", "broken"),
    [
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@main"),
        ("        with:\n          persist-credentials: false\n", ""),
        ('TAG="$GITHUB_REF_NAME"', 'TAG="${{ github.ref_name }}"'),
        ("permissions: {}", "permissions: write-all"),
    ],
)
def test_zizmor_rejects_unsafe_workflows(tmp_path: Path, safe: str, broken: str) -> None:
    workflow = tmp_path / ".github/workflows/release.yml"
    workflow.parent.mkdir(parents=True)
    text = WORKFLOW.read_text()
    assert safe in text
    zizmor = [
        Path(sys.executable).with_name("zizmor"),
        "--offline",
        "--quiet",
        "--pedantic",
        tmp_path,
    ]
    for content, accepted in ((text, True), (text.replace(safe, broken), False)):
        workflow.write_text(content)
        found = subprocess.run(zizmor, capture_output=True, check=False)
        assert (found.returncode == 0) is accepted
