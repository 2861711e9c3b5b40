"""Searches for bytes on which the kernel and the definition differ; coverage guides the search.

Run by `make fuzz`; the arguments are libFuzzer's.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["double_booked"]):
    from conflicts.differential import assert_kernel_equals_definition
    from conflicts.test_kernel import cases


def main() -> None:
    """Fuzzes, with the hand-made cases as the corpus to start from."""
    with TemporaryDirectory() as corpus:
        for number, case in enumerate(cases.values()):
            (Path(corpus) / str(number)).write_bytes(case)
        atheris.Setup([*sys.argv, corpus], assert_kernel_equals_definition)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
