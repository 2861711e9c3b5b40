"""Write the chart's default values into files/defaults.yaml, which templates can read."""

from pathlib import Path

import yaml

CHART = Path(__file__).parents[1] / "charts/double-booked"
FILE = CHART / "files/defaults.yaml"


def written() -> str:
    """Return the defaults as YAML without comments."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    text = yaml.safe_dump(defaults, sort_keys=False, width=200)
    return f"# Written by `make chart-docs` from values.yaml.\n{text}"


def main() -> None:
    """Write files/defaults.yaml."""
    FILE.write_text(written())


if __name__ == "__main__":
    main()
