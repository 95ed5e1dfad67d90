"""Configuration of the documentation, which Sphinx builds: `sphinx-build -W -n docs build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from pipeline import __version__  # noqa: E402 - the import needs the path above

project = "Nightdesk"
author = "The Nightdesk authors"
copyright = "2026, the Nightdesk authors"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "reference_pages",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_generated", "_build"]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]  # types in signatures are shown, not linked
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = f"Nightdesk {version}"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False
