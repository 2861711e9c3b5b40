"""Test that the compiled kernel has the compiler's hardening."""

import re
import subprocess

from double_booked.conflicts import kernel


def elf(option: str) -> str:
    """Return what readelf, which comes with every compiler, reports about the kernel."""
    return subprocess.run(
        ["readelf", "--wide", option, kernel.__file__],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_kernels_function_table_is_read_only() -> None:
    assert "GNU_RELRO" in elf("--program-headers")
    assert re.search(r"FLAGS_1.*NOW|BIND_NOW", elf("--dynamic"))


def test_the_kernels_stack_is_not_executable() -> None:
    assert re.search(r"GNU_STACK.* RW +0x", elf("--program-headers"))


def test_the_kernel_checks_its_stack_and_copied_buffers() -> None:
    symbols = elf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert "__memcpy_chk" in symbols
