"""The examples and commands of the docs work as written."""

import asyncio
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts import definition
from double_booked.settings import OperatorSettings, Settings
from server.conftest import serve

ROOT = Path(__file__).parents[1]
IMPORTS = [
    "import grpc",
    "from double_booked.api.scheduling_pb2 import EventList",
    "from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub",
]
PAGES = ["README.md", "docs/calling.md"]


@pytest.mark.parametrize("page", PAGES)
async def test_python_example_of_a_page_runs(page: str) -> None:
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    async with serve() as served:
        local_program = program.replace("localhost:7070", f"127.0.0.1:{served.server.port}")
        result = await run(local_program)
    assert result.stderr == ""
    assert "'Stand-up', 'Dentist'" in result.stdout or "room-a" in result.stdout


async def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, while this event loop runs the server."""
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.fixture
def calling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return docs/calling.md, after running its command that makes a certificate."""
    page = (ROOT / "docs/calling.md").read_text()
    [openssl] = re.findall(r"    (openssl req .*\\\n.*)\n", page)
    monkeypatch.chdir(tmp_path)
    subprocess.run(shlex.split(openssl.replace("\\\n", " ")), check=True, capture_output=True)
    return page


async def test_python_example_of_a_verified_call_is_answered(calling: str) -> None:
    [shown] = re.findall(r"\nIn Python:\n\n(.*?)\n\n", calling, re.DOTALL)
    call = "print(ConflictServiceStub(channel).GetConflicts(EventList()).ListFields())"
    program = "\n".join([*IMPORTS, textwrap.dedent(shown), call])
    async with serve(tls_cert_file="tls.crt", tls_key_file="tls.key") as served:
        result = await run(program.replace("10.0.0.5:30321", f"127.0.0.1:{served.server.port}"))
    assert (result.stdout, result.stderr) == ("[]\n", "")


def lab_day(capacity: int) -> EventList:
    request = EventList()
    for name, start, end in [
        ("A", "09:00", "12:00"),
        ("B", "09:00", "10:00"),
        ("C", "10:00", "12:00"),
        ("D", "11:00", "13:00"),
        ("E", "12:30", "13:30"),
    ]:
        event = request.events.add(id=name, resources=["lab"])
        event.start.FromJsonString(f"2026-11-23T{start}:00Z")
        event.end.FromJsonString(f"2026-11-23T{end}:00Z")
    request.options.capacity["lab"] = capacity
    request.options.explain = True
    return request


def test_worked_example_has_the_groups_of_the_page() -> None:
    [group] = definition.get_conflicts(lab_day(2)).conflicts
    assert [event.id for event in group.conflict_group] == ["A", "C", "D"]
    [overlap] = group.overlaps
    assert overlap.start.ToJsonString() == "2026-11-23T11:00:00Z"
    assert overlap.end.ToJsonString() == "2026-11-23T12:00:00Z"
    assert (overlap.depth, list(overlap.members)) == (3, [0, 1, 2])
    [group] = definition.get_conflicts(lab_day(1)).conflicts
    assert [event.id for event in group.conflict_group] == ["A", "B", "C", "D", "E"]


def test_gap_of_the_worked_example_makes_b_conflict_with_c() -> None:
    request = lab_day(2)
    request.options.min_gap.seconds = 15 * 60
    [group] = definition.get_conflicts(request).conflicts
    assert [event.id for event in group.conflict_group][:3] == ["A", "B", "C"]
    assert group.overlaps[0].end.ToJsonString() == "2026-11-23T10:15:00Z"


def test_architecture_names_paths_that_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    paths = re.findall(r"`((?:[a-z_0-9-]+/)+[a-z_0-9.-]*|[a-z_]+\.py)`", text)
    # The image for development has neither.
    paths = [path for path in paths if not path.startswith(("charts/", "page/"))]
    folders = [ROOT, ROOT / "service/double_booked", ROOT / "service/double_booked/operator"]
    assert len(paths) > 80
    assert [path for path in paths if not any((at / path).exists() for at in folders)] == []


def test_runbook_names_events_that_are_logged() -> None:
    text = " ".join((ROOT / "docs/monitoring.md").read_text().split())
    events = re.findall(r"""["']([a-z]+(?: [a-z]+)+)["']""", text)
    sources = "".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    assert len(events) > 5
    assert [event for event in events if f'"{event}"' not in sources] == []


@pytest.mark.parametrize("page", ["README.md", "docs/check.md"])
def test_command_for_the_example_team_finds_its_conflicts_on_any_day(page: str) -> None:
    text = (ROOT / page).read_text()
    commands = re.findall(
        r"^ +(?:\$ )?double-booked (check examples/team[^#\n]*)", text, re.MULTILINE
    )
    assert commands
    for command in commands:
        assert run_check(command).endswith("\n6 conflicts among 12 of 28 events of 5 calendars.\n")


def test_text_of_the_example_team_is_that_of_the_page() -> None:
    text = (ROOT / "docs/check.md").read_text()
    [(command, shown)] = re.findall(
        r"^    \$ double-booked (check .*)\n((?:    .*\n|\n)+)- Each", text, re.MULTILINE
    )
    printed = run_check(command)
    parts = textwrap.dedent(shown).strip().split("...\n")
    assert len(parts) == 3
    assert [part for part in parts if part not in printed] == []


def run_check(command: str) -> str:
    """Return what a command of the docs prints."""
    program = [sys.executable, "-m", "double_booked", *shlex.split(command)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 900


@pytest.mark.parametrize("kind", [Settings, OperatorSettings])
def test_settings_page_lists_every_setting(kind: type[Settings | OperatorSettings]) -> None:
    text = (ROOT / "docs/settings.md").read_text()
    assert [field.name for field in fields(kind) if f"`{field.name.upper()}`" not in text] == []


PLACEHOLDERS = {
    "BACKEND_SERVICE",
    "CLUSTER",
    "FOLDER",
    "HOST_PROJECT",
    "NAMESPACE",
    "NEG",
    "NETWORK",
    "PROJECT",
    "RANGE",
    "REGION",
    "REGISTRY",
    "REPOSITORY",
    "TAG",
    "ZONE",
}
"""Words of commands that stand for a reader's own names."""

COMMANDS = r"(?:gcloud|helm|kubectl|docker|skopeo|buildah) .*"


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{page.name}" for page in sorted(ROOT.glob("docs/*.md")))]
)
def test_page_explains_the_placeholders_of_its_commands(page: str) -> None:
    text = (ROOT / page).read_text()
    commands = " ".join(re.findall(COMMANDS, text.replace("\\\n", " ")))
    used = PLACEHOLDERS & set(re.findall(r"(?<![$\w])[A-Z_]+(?![\w=])", commands))
    explained = set()
    for paragraph in text.split("\n\n"):
        _, separator, meaning = " ".join(paragraph.split()).partition("are for you to fill in")
        explained |= set(re.findall(r"[A-Z_]+", meaning)) if separator else set()
    assert used - explained == set()
