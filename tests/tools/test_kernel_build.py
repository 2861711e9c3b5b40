"""Test that the compiled kernels have the compiler's hardening."""

import re
import subprocess
from types import ModuleType

import pytest

from double_booked.columns import kernel as columns_kernel
from double_booked.conflicts import kernel as wire_kernel

both_kernels = pytest.mark.parametrize(
    "kernel", [wire_kernel, columns_kernel], ids=["conflicts", "columns"]
)


def elf(kernel: ModuleType, option: str) -> str:
    """Return what readelf, which comes with every compiler, reports about a kernel."""
    return subprocess.run(
        ["readelf", "--wide", option, kernel.__file__],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@both_kernels
def test_the_kernels_function_table_is_read_only(kernel: ModuleType) -> None:
    assert "GNU_RELRO" in elf(kernel, "--program-headers")
    assert re.search(r"FLAGS_1.*NOW|BIND_NOW", elf(kernel, "--dynamic"))


@both_kernels
def test_the_kernels_stack_is_not_executable(kernel: ModuleType) -> None:
    assert re.search(r"GNU_STACK.* RW +0x", elf(kernel, "--program-headers"))


@both_kernels
def test_the_kernel_checks_its_stack_and_copied_buffers(kernel: ModuleType) -> None:
    symbols = elf(kernel, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert "__memcpy_chk" in symbols
