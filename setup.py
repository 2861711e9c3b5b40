"""Builds the compiled kernel; all else is declared in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

kernel = Extension(
    "double_booked.conflicts.kernel",
    ["service/double_booked/conflicts/kernel.pyx"],
    extra_compile_args=["-O3"],
)

# Nothing here is pickled, and for a volatile flag the code for it does not compile.
DIRECTIVES = {"language_level": 3, "auto_pickle": False}

setup(ext_modules=cythonize(kernel, compiler_directives=DIRECTIVES))
