"""Builds the compiled kernels; all else is declared in pyproject.toml."""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

# Its stack and the C library's buffers are checked as it runs, and its table of functions is
# read-only. The sanitizers of `make fuzz` and `make test-asan` check more, but do not see into
# functions that FORTIFY replaced.
HARDENED = ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]
READ_ONLY_RELOCATIONS = ["-Wl,-z,relro,-z,now"] if sys.platform == "linux" else []
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined"]

# The steps are inline functions. With GCC's default of 40 some of the hottest ones, which read a
# tag or a length, are called instead: measured up to 20 % slower.
OPTIMIZED = ["-O3", "--param=inline-unit-growth=120"]

sanitizers = os.environ.get("KERNEL_SANITIZERS")  # as the compiler's -fsanitize has them
sanitize = [f"-fsanitize={sanitizers}"]
kernels = [
    Extension(
        f"double_booked.{package}.kernel",
        [f"service/double_booked/{package}/kernel.pyx"],
        extra_compile_args=[*SANITIZED, *sanitize] if sanitizers else [*OPTIMIZED, *HARDENED],
        extra_link_args=sanitize if sanitizers else READ_ONLY_RELOCATIONS,
    )
    for package in ("conflicts", "columns")
]

# Nothing here is pickled, and for a volatile flag the code for it does not compile.
DIRECTIVES = {"language_level": 3, "auto_pickle": False}

setup(ext_modules=cythonize(kernels, compiler_directives=DIRECTIVES))
