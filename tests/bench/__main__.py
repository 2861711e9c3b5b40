"""Print the benchmark tables: `python tests/bench [SUBJECT...]`."""

import sys

import calls
import engine
import latency
import memory
import page
import parquet
import rpc
import serving
from tables import show_machine

import calendars
import columns
import spark

SUBJECTS = {
    "engine": engine.measure,
    "rpc": rpc.measure,
    "serving": serving.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "calls": calls.measure,
    "calendars": calendars.measure,
    "parquet": parquet.measure,
    "page": page.measure,
    "columns": columns.measure,
    "spark": spark.measure,
}


def main(names: list[str]) -> None:
    """Measure the named subjects, or all of them."""
    unknown = set(names) - SUBJECTS.keys()
    if unknown:
        sys.exit(f"no such subject: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    show_machine()
    for name in names or SUBJECTS:
        SUBJECTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
