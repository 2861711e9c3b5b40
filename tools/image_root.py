"""Build the file tree of the production image: `image_root.py PACKAGES TARGET COMMIT EPOCH`.

The tree has the installed packages, this machine's interpreter, the libraries that they need, and
all licences. Python modules are byte code without source.
"""

import compileall
import csv
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

SITE = Path("usr/lib/python3/dist-packages")
USER = "65532"

# Parts of the standard library that neither service nor command line use.
NEVER_USED = re.compile(
    r"(test|tests|idlelib|tkinter|turtledemo|turtle\.py|ensurepip|venv|pydoc_data|config-.*"
    r"|sqlite3|_sqlite3.*\.so|dbm|_dbm.*\.so|_gdbm.*\.so|curses|_curses.*\.so|readline.*\.so"
    r"|unittest|doctest\.py|xmlrpc|mailbox\.py|imaplib\.py|poplib\.py|ftplib\.py|pickletools\.py"
    r"|c?[Pp]rofile\.py|pstats\.py"
    r"|_test.*\.so|_ctypes_test.*\.so|_?xx.*\.so|__pycache__|_pyrepl|__phello__)"
)
# Parts of packages that only their developers use, and sources of compiled modules.
NEVER_SHIPPED = re.compile(
    r"(tests?|__pycache__|bin|.*\.(pyi|pyx|pxd|pxi|c|h|cc|cpp|proto)|py\.typed|RECORD|INSTALLER"
    r"|REQUESTED|direct_url\.json)"
)
# Parts of packages that nothing here imports; the rest of these packages is needed.
UNUSED_PARTS = (
    re.compile(r"double_booked/(columns|spark)/"),
    re.compile(r"google/(?!protobuf/|rpc/)[a-z]+/"),
    re.compile(r"pygments/(lexers|styles|formatters)/(?!__init__|_mapping)"),
    re.compile(r"cffi/|pycparser/"),
)
# Debian's copyright files refer to the texts of common licences by path.
COMMON_LICENCE = re.compile(r"/usr/share/common-licenses/[\w.+-]*\w")
LICENCE = re.compile(r"(?i)(licen[cs]e|copying|notice|authors|copyright).*")


def is_shipped(path: str, never: re.Pattern[str]) -> bool:
    """Return whether a file of a package or of the standard library goes into the image.

    Args:
        path: The path relative to the packages or the library.
        never: Names of files and folders to leave out.
    """
    parts = Path(path).parts
    if LICENCE.fullmatch(parts[-1]):
        return True
    if any(unused.match(path) for unused in UNUSED_PARTS):
        return False
    return not any(never.fullmatch(part) for part in parts)


def copy_tree(source: Path, target: Path, never: re.Pattern[str]) -> None:
    """Copy the shipped files of a tree."""
    for file in sorted(source.rglob("*")):
        relative = file.relative_to(source)
        if file.is_file() and is_shipped(str(relative), never):
            copy(file, target / relative)


def copy(file: Path, target: Path) -> None:
    """Copy a file, following links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    target.chmod(0o755 if os.access(file, os.X_OK) else 0o644)


def compile_tree(folder: Path, root: Path) -> None:
    """Replace sources by byte code."""
    compiled = compileall.compile_dir(
        folder,
        maxlevels=50,
        quiet=1,
        legacy=True,
        stripdir=str(root),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit(f"not all of {folder} compiles")
    for file in folder.rglob("*.py"):
        file.unlink()


def programs(root: Path) -> Iterator[Path]:
    """Yield all files with machine code."""
    for file in sorted(root.rglob("*")):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                if opened.read(4) == b"\x7fELF":
                    yield file


def libraries(needing: Iterable[Path]) -> set[Path]:
    """Return the shared libraries of this machine that the programs are linked to."""
    found = set()
    for program in needing:
        ldd = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        found |= {Path(path) for path in re.findall(r"(?:=> )?(/\S+) \(0x", ldd.stdout)}
    return found


def copy_system(target: Path) -> None:
    """Copy the interpreter and its library."""
    interpreter = Path(sys.executable).resolve()
    copy(interpreter, target / "usr/bin" / interpreter.name)
    library = Path(sysconfig.get_path("stdlib"))
    copy_tree(library, target / library.relative_to("/"), NEVER_USED)


def copy_libraries(target: Path) -> None:
    """Copy the libraries that the tree needs, and the loader to the path in the programs."""
    for link, real in (("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (target / real).mkdir(parents=True, exist_ok=True)
        (target / link).symlink_to(real)
    for library in sorted(libraries(programs(target))):
        if not library.is_relative_to(target):
            folder = library.parent.resolve().relative_to("/")
            copy(library, target / folder / library.name)


def debian_owners() -> dict[str, str]:
    """Return the name of the Debian package of each file that dpkg installed on this machine."""
    owners = {}
    for listed in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        name = listed.stem.partition(":")[0]
        owners |= dict.fromkeys(listed.read_text().splitlines(), name)
    return owners


def debian_parts(target: Path, owners: dict[str, str]) -> dict[str, list[Path]]:
    """Return the files of the tree by their Debian package."""
    parts: dict[str, list[Path]] = {}
    for file in sorted(target.rglob("*")):
        path = "/" + str(file.relative_to(target)).removesuffix("c" * (file.suffix == ".pyc"))
        # dpkg lists some libraries without /usr.
        owner = owners.get(path) or owners.get(path.removeprefix("/usr"))
        if owner and file.is_file() and not file.is_symlink():
            parts.setdefault(owner, []).append(file)
    return dict(sorted(parts.items()))


def copy_licences(target: Path, debian: Iterable[str]) -> None:
    """Copy Debian's copyright files, and the licences that they refer to."""
    common = set()
    for name in debian:
        licence = Path("/usr/share/doc", name, "copyright")
        copy(licence, target / licence.relative_to("/"))
        common |= set(COMMON_LICENCE.findall(licence.read_text()))
    for path in map(Path, common):
        if path.exists():
            copy(path, target / path.relative_to("/"))


def write_debian_status(target: Path, debian: dict[str, list[Path]]) -> None:
    """Write the status and file lists of Debian's packages, for scanners."""
    folder = target / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True)
    for name, files in debian.items():
        status = subprocess.run(["dpkg", "-s", name], capture_output=True, text=True, check=True)
        (folder / name).write_text(status.stdout)
        sums = (f"{md5(file.read_bytes())}  {file.relative_to(target)}\n" for file in files)
        (folder / f"{name}.md5sums").write_text("".join(sums))


def md5(content: bytes) -> str:
    """Return the digest as in dpkg's lists."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write_records(packages: Path, target: Path) -> None:
    """Write which files of the tree belong to which Python package (RECORD without hashes)."""
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        with record.open(newline="") as opened:
            paths = [row[0] for row in csv.reader(opened)]
        compiled = [f"{path}c" for path in paths if path.endswith(".py")]
        shipped = [path for path in (*paths, *compiled) if (target / path).is_file()]
        own = target / record.relative_to(packages)
        own.write_text("".join(f"{path},,\n" for path in sorted(shipped)))


def write_own(target: Path, commit: str) -> None:
    """Write the command, the user, and the commit of the build."""
    command = target / "usr/bin/double-booked"
    command.write_text(
        f"#!/usr/bin/{Path(sys.executable).resolve().name} -s\n"
        "import sys\n\nfrom double_booked.commands import main\n\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    (target / "etc").mkdir(exist_ok=True)
    (target / "etc/passwd").write_text(f"double-booked:x:{USER}:{USER}::/:/none\n")
    (target / "etc/group").write_text(f"double-booked:x:{USER}:\n")
    (target / SITE / "double_booked/commit.txt").write_text(f"{commit}\n")


def set_times(target: Path, epoch: int) -> None:
    """Set one time on all files, so that the same commit gives the same image."""
    for path in [target, *target.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def main(packages: Path, target: Path, commit: str, epoch: int) -> None:
    """Build the tree."""
    copy_system(target)
    copy_tree(packages, target / SITE, NEVER_SHIPPED)
    compile_tree(target / "usr/lib", target)
    copy_libraries(target)
    subprocess.run(["strip", "--strip-unneeded", *programs(target)], check=True)
    copy(Path("/etc/os-release"), target / "etc/os-release")
    owners = debian_owners()
    copy_licences(target, debian_parts(target, owners))
    debian = debian_parts(target, owners)
    write_debian_status(target, debian)
    write_records(packages, target / SITE)
    write_own(target, commit)
    set_times(target, epoch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
