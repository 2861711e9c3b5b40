"""The command, run as people, scripts and probes run it."""

import fcntl
import itertools
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import termios
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO

import click
import pytest

from double_booked.commands import SUMMARIES, main
from double_booked.commands.errors import INTERRUPTED
from double_booked.settings import Settings
from server.certificate_authority import Authority
from waiting import wait_until

WEEK = Path(__file__).parents[2] / "examples" / "week.json"
COMMAND = [sys.executable, "-m", "double_booked"]
SUMMARY = "5 groups of conflicting events, 12 of 30 events."
UNREACHABLE = "127.0.0.1:1"  # tcpmux, which nobody serves
EVENT_FIELDS = "Scheduling.Event has id, title, description, start, end, resources"

WITH_CONFLICT = b"""{"events": [
    {"title": "A", "start": "2026-11-16T09:00:00Z", "end": "2026-11-16T11:00:00Z"},
    {"title": "B", "start": "2026-11-16T10:00:00Z", "end": "2026-11-16T12:00:00Z"}]}"""
WITHOUT_CONFLICT = b"""{"events": [
    {"title": "C", "start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"}]}"""
WITH_FAULTS = b"""{"events": [
    {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"},
    {"start": "2026-11-16T12:00:00Z"},
    {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T11:00:00Z"}]}"""


def environment(**variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return plain | {"PYTHONIOENCODING": "utf-8"} | variables


def run(
    *arguments: str | Path, content: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [*COMMAND, *arguments],
        input=content,
        capture_output=True,
        env=environment(**variables),
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )


def error_of(*arguments: str | Path, content: bytes = b"") -> str:
    """What a command that must fail says on standard error, less its first word."""
    failed = run(*arguments, content=content)
    assert (failed.stdout, failed.returncode) == ("", 2)
    assert all(line.startswith("Error: ") for line in failed.stderr.splitlines())
    return failed.stderr.replace("Error: ", "").strip()


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service on free ports, and its address; it is gone afterwards."""
    hosts = {"SERVICE_HOST": "127.0.0.1:0", "HEALTH_CHECK_HOST": "127.0.0.1:0"}
    with subprocess.Popen(
        [*COMMAND, "serve", "--drain-delay", "0", "--log-format", "json", *options],
        env=environment(**hosts),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            log = (json.loads(line) for line in process.stderr or ())
            listening = next(entry for entry in log if entry["event"] == "listening")
            yield process, f"127.0.0.1:{listening['grpc_port']}"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as (_, address):
        yield address


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a file of each kind."""
    (tmp_path / "conflict.json").write_bytes(WITH_CONFLICT)
    (tmp_path / "free.json").write_bytes(WITHOUT_CONFLICT)
    (tmp_path / "faults.json").write_bytes(WITH_FAULTS)
    (tmp_path / "broken.json").write_bytes(b'{"events": [\n{"id" 5}]}')
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "latin.json").write_bytes('{"events": [{"title": "Zoë"}]}'.encode("latin-1"))
    (tmp_path / "field.json").write_bytes(b'{"events": [{"begin": "2026-11-16T12:00:00Z"}]}')
    return tmp_path


def test_conflicts_are_told_and_the_exit_code_is_1() -> None:
    checked = run("check", WEEK)
    assert (checked.stderr, checked.returncode) == ("", 1)
    assert "  11:30-12:30  Interview: backend engineer" in checked.stdout
    assert checked.stdout.splitlines()[-1] == SUMMARY


def test_standard_input_without_an_end_is_refused_at_the_limit() -> None:
    with Path("/dev/zero").open("rb") as endless:
        checked = subprocess.run(
            [*COMMAND, "check", "--max-bytes", "1000000"],
            stdin=endless,
            capture_output=True,
            check=False,
            text=True,
        )
    assert checked.returncode == 2
    assert checked.stderr == (
        "Error: standard input: the files have more than 1000000 bytes in all;"
        " --max-bytes sets the limit\n"
    )


def test_a_pipe_of_the_shell_is_read(files: Path) -> None:
    script = f"{sys.executable} -m double_booked check <(cat {files}/free.json)"
    checked = subprocess.run(
        ["/bin/bash", "-c", script], capture_output=True, check=False, text=True
    )
    assert (checked.stdout, checked.returncode) == ("No conflicts among 1 event.\n", 0)


def test_memory_that_runs_out_is_told_in_one_line() -> None:
    check = f"{sys.executable} -m double_booked check --max-bytes 9999999999"
    endless = f"ulimit -v 400000; {check} < /dev/zero"
    checked = subprocess.run(
        ["/bin/bash", "-c", endless], capture_output=True, check=False, text=True
    )
    assert checked.returncode == 2
    assert checked.stderr == "Error: memory ran out; ask about less at once, or allow more memory\n"


def test_no_conflict_is_told_and_the_exit_code_is_0(files: Path) -> None:
    checked = run("check", files / "free.json")
    assert (checked.stdout, checked.returncode) == ("No conflicts among 1 event.\n", 0)


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_is_read(arguments: tuple[str, ...]) -> None:
    checked = run("check", *arguments, content=WITH_CONFLICT)
    assert checked.stdout.splitlines()[-1] == "1 group of conflicting events, 2 of 2 events."


def test_several_files_are_one_list(files: Path) -> None:
    checked = run("check", files / "free.json", "-", content=WITHOUT_CONFLICT)
    assert checked.stdout.splitlines()[-1] == "1 group of conflicting events, 2 of 2 events."


def test_an_event_without_a_name_is_told_by_its_place_in_its_file(files: Path) -> None:
    nameless = WITHOUT_CONFLICT.replace(b'"C"', b'""')
    checked = run("check", files / "free.json", "-", content=nameless)
    assert "standard input: events[0]" in checked.stdout


def test_a_pipe_gets_neither_colours_nor_lines_over_80_columns() -> None:
    checked = run("check", WEEK)
    assert "\x1b" not in checked.stdout
    assert max(map(len, checked.stdout.splitlines())) <= 80


def test_columns_sets_the_width() -> None:
    checked = run("check", WEEK, COLUMNS="40")
    assert max(map(len, checked.stdout.splitlines())) <= 40


def test_titles_that_the_encoding_lacks_do_not_stop_the_answer() -> None:
    content = WITH_CONFLICT.replace(b'"A"', '"Zoë ☕"'.encode())
    checked = run("check", content=content, PYTHONIOENCODING="ascii")
    assert (checked.stderr, checked.returncode) == ("", 1)
    assert "Zo? ?" in checked.stdout


def test_json_is_that_of_a_conflict_list(files: Path) -> None:
    checked = run("check", "--format", "json", files / "conflict.json")
    assert checked.returncode == 1
    assert json.loads(checked.stdout) == {
        "conflicts": [{"conflictGroup": json.loads(WITH_CONFLICT)["events"]}]
    }
    assert run("check", "--format", "json", files / "free.json").stdout == "{}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken.json", "line 2, column 7: not JSON: Expecting ':' delimiter"),
        ("empty.json", 'it is empty; a list without events is {"events": []}'),
        ("latin.json", "line 1: the text is not UTF-8"),
        ("missing.json", "No such file or directory"),
        (
            "field.json",
            f"events[0].begin: no such field; {EVENT_FIELDS} (an event without a title)",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    files: Path, name: str, said: str
) -> None:
    told = error_of("check", "--strict", files / "free.json", files / name)
    assert told == f"{files / name}: {said}"


def test_faults_of_times_are_told_one_a_line_by_file_and_field(files: Path) -> None:
    faults = files / "faults.json"
    event = "an event without a title, 2026-11-16T12:00:00Z"
    assert error_of("check", "--strict", files / "conflict.json", faults).splitlines() == [
        f"{faults}: events[1].end: the end is missing ({event})",
        f"{faults}: events[2].end: the end is before the start ({event})",
    ]


def test_faults_over_the_first_hundred_are_counted() -> None:
    events = json.dumps({"events": [{"start": "2026-11-16T12:00:00Z"}] * 250})
    lines = error_of("check", content=events.encode()).splitlines()
    assert lines[-1] == "these are the first 100 of 250 faults"


def test_a_file_name_cannot_take_over_the_terminal(tmp_path: Path) -> None:
    # A bell and a C1 control; click itself takes colours out of what is no terminal's.
    said = error_of("check", tmp_path / "\x07\x9b31m.json")
    assert said.endswith("\\x07\\x9b31m.json: No such file or directory")


@pytest.mark.parametrize("content", [b"[" * 100_000, b"1" * 10_000, b'{"events": NaN}', b"\0"])
def test_hostile_json_gets_one_line(content: bytes) -> None:
    assert error_of("check", content=content).startswith("standard input: ")
    assert len(error_of("check", content=content).splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--format", "xml"), ("--nonsense",)])
def test_wrong_usage_is_an_error(arguments: tuple[str, ...]) -> None:
    checked = run("check", *arguments)
    assert checked.returncode == 2
    assert checked.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, output_format: str) -> None:
    event = {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"}
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"events": [event] * 2000}))
    with subprocess.Popen(
        [*COMMAND, "check", "--format", output_format, file],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_output_that_cannot_be_written_is_an_error(output_format: str) -> None:
    with Path(os.devnull).open("rb") as only_for_reading:
        failed = subprocess.run(
            [*COMMAND, "check", "--format", output_format, WEEK],
            stdout=only_for_reading,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert failed.stderr == "Error: standard output: Bad file descriptor\n"
    assert failed.returncode == 2


def unread(pipe: IO[bytes]) -> int:
    """How many bytes of a pipe its reader has not taken yet."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_an_interrupt_is_not_taken_for_conflicts() -> None:
    with subprocess.Popen(
        [*COMMAND, "check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        pipe = process.stdin
        assert pipe
        pipe.write(b"{\n")
        pipe.flush()
        # Once the pipe is empty, the command waits for the rest.
        wait_until(lambda: not unread(pipe), "the command reads its input")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == INTERRUPTED


def test_a_service_gives_the_same_answer(server: str) -> None:
    asked = run("check", "--server", server, WEEK)
    assert (asked.stdout, asked.stderr) == (run("check", WEEK).stdout, "")
    assert asked.returncode == 1


def test_a_services_refusal_is_told_by_file_and_field(server: str, files: Path) -> None:
    faults = files / "faults.json"
    said = error_of("check", "--strict", "--server", server, files / "free.json", faults)
    assert said == error_of("check", "--strict", files / "free.json", faults)


def test_another_error_of_a_service_is_told_with_its_code() -> None:
    with serving("--max-message-bytes", "100") as (_, address):
        said = error_of("check", "--server", address, WEEK)
    assert said.startswith(f"{address}: RESOURCE_EXHAUSTED: ")
    assert len(said.splitlines()) == 1


def test_a_service_that_is_not_there_is_told() -> None:
    said = error_of("check", "--server", UNREACHABLE, WEEK)
    assert said.startswith(f"{UNREACHABLE}: UNAVAILABLE: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("address", ["nonsense", "host:port", "host:99999", "::1", ""])
def test_an_address_that_is_none_is_told(address: str) -> None:
    assert error_of("check", "--server", address, WEEK).startswith(f"'{address}' is not HOST:PORT")


def test_a_service_that_serves_is_healthy(server: str) -> None:
    probed = run("healthcheck", "--server", server)
    assert (probed.stdout, probed.stderr) == (f"{server} is SERVING\n", "")
    assert probed.returncode == 0


def test_the_probe_asks_where_the_service_was_told_to_listen(server: str) -> None:
    port = server.rpartition(":")[2]
    assert run("healthcheck", SERVICE_HOST=f":{port}").returncode == 0
    assert run("healthcheck", SERVICE_HOST=UNREACHABLE).returncode == 1


@pytest.mark.parametrize("address", [UNREACHABLE, "nonsense"])
def test_a_service_that_does_not_answer_is_not_healthy(address: str) -> None:
    probed = run("healthcheck", "--server", address)
    assert (probed.stdout, probed.returncode) == ("", 1)
    assert len(probed.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """A service with mutual TLS, and the options of a caller that it lets in."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("authority")
    ca = folder / "ca.crt"
    ca.write_bytes(authority.pem())
    server, caller = (authority.issue(folder / name, name) for name in ("server", "caller"))
    server_files = ["--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
    with serving(*server_files, "--tls-client-ca-file", str(ca)) as (_, address):
        pair = ["--cert-file", str(caller.certificate), "--key-file", str(caller.key)]
        yield address, ["--ca-file", str(ca), *pair]


def test_a_service_with_tls_answers_who_has_the_files(secured: tuple[str, list[str]]) -> None:
    address, files = secured
    probed = run("healthcheck", "--server", address, *files)
    assert (probed.stdout, probed.stderr) == (f"{address} is SERVING\n", "")
    asked = run("check", "--server", address, *files, WEEK)
    assert (asked.stdout, asked.stderr) == (run("check", WEEK).stdout, "")


def test_a_service_may_be_proven_under_another_name(secured: tuple[str, list[str]]) -> None:
    address, files = secured
    asked = run("healthcheck", "--server", address, *files, "--server-name", "server")
    assert (asked.stderr, asked.returncode) == ("", 0)
    said = error_of("check", "--server", address, *files, "--server-name", "other", WEEK)
    assert "Hostname Verification Check failed" in said


def test_who_wants_no_proof_asks_whoever_answers(secured: tuple[str, list[str]]) -> None:
    address, files = secured
    asked = run("healthcheck", "--server", address, "--insecure", *files[2:])
    assert (asked.stderr, asked.returncode) == ("", 0)
    with serving("--tls-self-signed") as (_, address):
        asked = run("healthcheck", "--server", address, "--insecure")
    assert (asked.stderr, asked.returncode) == ("", 0)


@contextmanager
def balanced(first: str, others: str) -> Iterator[str]:
    """An address whose first connection leads to one server, and every other one to another."""
    targets = itertools.chain([first], itertools.repeat(others))

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            host, _, port = next(targets).rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                back = threading.Thread(target=pump, args=(upstream, self.request))
                back.start()
                pump(self.request, upstream)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Passes on what one side says, until it has ended."""
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def test_who_wants_no_proof_may_ask_several_services_behind_one_address() -> None:
    with (
        serving("--tls-self-signed") as (_, first),
        serving("--tls-self-signed") as (_, other),
        balanced(first, other) as address,
    ):
        asked = run("healthcheck", "--server", address, "--insecure")
    assert (asked.stderr, asked.returncode) == ("", 0)


def test_a_service_without_tls_shows_no_certificate(server: str) -> None:
    said = error_of("check", "--server", server, "--insecure", WEEK)
    assert said.startswith(f"{server}: it shows no certificate: ")


@pytest.mark.parametrize("count", [0, 2])
def test_a_service_with_tls_refuses_who_lacks_files(
    secured: tuple[str, list[str]], count: int
) -> None:
    address, files = secured
    said = error_of("check", "--server", address, *files[:count], WEEK)
    assert said.startswith(f"{address}: UNAVAILABLE: ")
    assert len(said.splitlines()) == 1


def test_a_service_that_the_authority_does_not_prove_is_told_in_one_line(
    secured: tuple[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "other.crt").write_bytes(Authority("other").pem())
    said = error_of("check", "--server", secured[0], "--ca-file", tmp_path / "other.crt", WEEK)
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert len(said.splitlines()) == 1


def test_a_handshake_that_fails_leaves_no_foreign_line_in_the_log(tmp_path: Path) -> None:
    files = Authority("authority").issue(tmp_path, "server")
    options = ["--tls-cert-file", str(files.certificate), "--tls-key-file", str(files.key)]
    with serving(*options) as (process, address):
        assert run("healthcheck", "--server", address).returncode == 1
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"
    assert all(line.startswith("{") for line in log.splitlines())


def test_a_file_of_a_caller_that_cannot_be_used_is_told() -> None:
    said = error_of("check", "--server", UNREACHABLE, "--ca-file", WEEK, WEEK)
    assert said == f"cannot use {WEEK} (--ca-file): it holds no certificate in PEM form"


@pytest.mark.parametrize(
    ("options", "said"),
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
def test_files_of_a_caller_that_need_more_are_an_error_of_usage(
    options: list[str], said: str
) -> None:
    checked = run("check", *options, WEEK)
    assert (checked.returncode, checked.stderr.splitlines()[-1]) == (2, f"Error: {said}")


def test_a_service_that_stops_is_not_healthy() -> None:
    with serving("--drain-delay", "60") as (process, address):
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        next(line for line in process.stderr if json.loads(line)["event"] == "stopping")
        probed = run("healthcheck", "--server", address)
    assert (probed.stderr, probed.returncode) == (f"Error: {address} is NOT_SERVING\n", 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_told_to_stop_ends_well(number: signal.Signals) -> None:
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
def test_a_service_with_nonsense_for_an_address_does_not_start(variable: str) -> None:
    refused = run("serve", **{variable: "nonsense"})
    assert (refused.stdout, refused.returncode) == ("", 2)
    assert "'nonsense' is not an address to listen on" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_half_a_character_is_not_taken_for_conflicts() -> None:
    said = error_of("check", content=b'{"events": [{"\\ud800": 1}]}')
    where = "standard input: events[0].\\ud800"
    assert said == f"{where}: no such field; {EVENT_FIELDS} (an event without a title)"


def test_the_version_is_that_of_the_package() -> None:
    assert run("version").stdout == f"double-booked {version('double-booked')}, commit unknown\n"


def test_the_installed_command_is_the_same() -> None:
    installed = Path(sys.executable).with_name("double-booked")
    help_text = subprocess.check_output([installed, "--help"], text=True)
    assert help_text == run("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "unloaded"),
    [
        (("check", str(WEEK)), {"grpc", "aiohttp", "structlog", "prometheus_client"}),
        (("version",), {"grpc", "ssl", "aiohttp", "google.protobuf", "rich.console"}),
        (("--help",), {"grpc", "ssl", "aiohttp", "google.protobuf", "rich.console"}),
        (("healthcheck", "--server=no"), {"kopf", "aiohttp", "icalendar", "double_booked.server"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: tuple[str, ...], unloaded: set[str]) -> None:
    program = f"""
import sys
from double_booked.commands import main
try:
    main({list(arguments)})
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert not unloaded & set(finished.stderr.splitlines())


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_of_a_command_is_the_first_sentence_of_its_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    assert (command.help or "").partition("\n")[0] == SUMMARIES[name]
