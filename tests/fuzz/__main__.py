"""Search for bytes that break a target, guided by the coverage of the kernel and of Python.

`python -m fuzz TARGET FOLDER ...`: TARGET is a module of `targets`, FOLDER has the corpus, and
the rest are arguments of libFuzzer. A target defines SEEDS, the inputs to start from, and `check`,
which raises if its input breaks something. WORDS is an optional dictionary. `make fuzz` runs all
targets.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris


def main(name: str, folder: Path, *arguments: str) -> None:
    """Fuzz a target, starting from its seeds and the corpus of earlier searches."""
    with atheris.instrument_imports(include=["double_booked"]):
        target = import_module(f"fuzz.targets.{name}")
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-artifact_prefix={folder}/{name}-", *arguments]
    if hasattr(target, "WORDS"):
        words = folder / f"{name}.dict"
        words.write_text("".join(f'"{word}"\n' for word in target.WORDS))
        options.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
