"""Serve from the sources and restart when one is saved: `dev.py [OPTION OF SERVE]...`.

A saved proto is generated from first, and a saved kernel source is compiled. A failure is shown,
and the server keeps running as it was until the source is fixed.
"""

import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Event
from time import perf_counter

from watchfiles import Change, DefaultFilter, watch

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "service"
GENERATED = SERVICE / "double_booked" / "api"
SOURCES = {".py", ".proto", ".pyx", ".pxd"}

COMPILED = [
    SERVICE / f"double_booked/{package}/kernel{sysconfig.get_config_var('EXT_SUFFIX')}"
    for package in ("conflicts", "columns")
]

GENERATE = ("tools/generate_api.py", "service")
COMPILE = ("setup.py", "--quiet", "build_ext", "--inplace")


class SourceFilter(DefaultFilter):
    """Passes sources that people write, not generated or compiled files."""

    def __call__(self, change: Change, path: str) -> bool:
        """Return whether the file is a source."""
        file = Path(path)
        is_source = file.suffix in SOURCES and GENERATED not in file.parents
        return is_source and super().__call__(change, path)


class Serving:
    """The server in its own process."""

    def __init__(self, options: Sequence[str]) -> None:
        self._options = options
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "double_booked", "serve", *self._options],
            # No load balancer has to notice that the server is not ready, so no delay is needed.
            env={"DRAIN_DELAY": "0"} | os.environ | {"PYTHONPATH": str(SERVICE)},
        )

    def restart(self) -> None:
        """Let calls in flight finish, then start the server from the current sources."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """Stop the server gracefully, and wait for its end."""
        self._process.terminate()
        self._process.wait()


def prepare(changed: Collection[Path]) -> bool:
    """Generate and compile what the server needs from changed sources.

    Returns:
        False if that failed; the reason has been printed.
    """
    suffixes = {file.suffix for file in changed}
    if ".proto" in suffixes and not _succeeds(*GENERATE):
        return False
    if suffixes & {".pyx", ".pxd"} and not _succeeds(*COMPILE):
        return False
    modules = [str(file) for file in changed if file.suffix == ".py" and file.exists()]
    return not modules or _succeeds("-m", "py_compile", *modules)


def _succeeds(*arguments: str) -> bool:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode == 0


def log(text: str) -> None:
    """Write a line to standard error."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def main(options: Sequence[str]) -> None:
    """Serve and watch until SIGTERM or Ctrl-C."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serving = Serving(options)
    log(f"watching {SERVICE} and {ROOT / 'proto'}")
    for changes in watch(SERVICE, ROOT / "proto", watch_filter=SourceFilter(), stop_event=stop):
        begin = perf_counter()
        changed = {Path(path) for _, path in changes}
        names = ", ".join(sorted(file.name for file in changed))
        if prepare(changed):
            serving.restart()
            log(f"restarted after {names}, {perf_counter() - begin:.1f} s")
        else:
            log(f"not restarted after {names}: fix it and save")
    serving.stop()


def test() -> None:
    """Replace this process by a run of the unit tests with TeamCity service messages."""
    del os.environ["TEST"]  # the tests start this program, which must then serve
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "--teamcity"])  # noqa: S606 - as above


if __name__ == "__main__":
    if not all(kernel.exists() for kernel in COMPILED) and not _succeeds(*COMPILE):
        sys.exit("dev: the kernels do not compile")
    if os.environ.get("TEST") == "1":
        test()
    main(sys.argv[1:])
