"""Searches for bytes that break a target; coverage of the kernel and of Python guides the search.

`python -m fuzz TARGET FOLDER ...`: a module of `targets`, where its corpus is kept, and arguments
of libFuzzer. A target has SEEDS, inputs to start from, and `check`, which raises if its input
breaks something. It may have WORDS, which inputs are often made of. Run by `make fuzz`.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris


def main(name: str, folder: Path, *arguments: str) -> None:
    """Fuzzes, with the target's seeds and what earlier searches kept."""
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
