"""Builds the compiled kernel; all else is declared in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

kernel = Extension(
    "double_booked.conflicts.kernel",
    ["service/double_booked/conflicts/kernel.pyx"],
    extra_compile_args=["-O3"],
)

setup(ext_modules=cythonize(kernel, compiler_directives={"language_level": 3}))
