"""Sphinx configuration of the documentation site (`make docs`).

The source folder is the whole repository, so that links between README, docs and chart are checked.
The pages are plain Markdown that GitHub shows too. docs/README.md lists them for both: its
headings and links become the site's navigation.
"""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "docs/README.md"

project = "double-booked"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "charts/double-booked/README.md"]
exclude_patterns = [".*", "build", "dist", "service", "tests"]
nitpicky = True
highlight_language = "none"  # for blocks that are only indented
html_theme = "furo"
html_title = project
myst_heading_anchors = 4  # with GitHub's names


def navigation() -> str:
    """Return a hidden table of contents for each heading of docs/README.md."""
    tables = ["```{toctree}\n:hidden:\n\n/docs/README.md\n```"]
    for section in INDEX.read_text().split("\n## ")[1:]:
        caption = section.splitlines()[0]
        entries = ""
        for title, link in re.findall(r"\[([^]]+)\]\(([^):#]+\.md)\)", section):
            page = (INDEX.parent / link).resolve().relative_to(ROOT)
            if page != Path("README.md"):
                entries += f"{title} </{page}>\n"
        tables.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}```")
    return "\n\n".join(tables)


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation to the first page."""
    if page == root_doc:
        app.env.note_dependency(str(INDEX), docname=page)
        source[0] += f"\n\n{navigation()}\n"


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Copy the first page to the name that web servers look for."""
    if not error and app.builder.name == "html":
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("source-read", add_navigation)
    app.connect("build-finished", write_index)
