"""Configuration of the documentation: ``python -m sphinx -W doc doc/_build/html``."""

import sys
from pathlib import Path

import skreg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api_reference import render  # noqa: E402

project = "skreg"
author = "The skreg developers"
copyright = author
version = release = skreg.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "changes", "gallery/*.ipynb"]
default_role = "code"
nitpicky = False

html_theme = "pydata_sphinx_theme"
html_title = "skreg"
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False}
html_sidebars = {"changelog": [], "migrating": []}

(HERE / "api.rst").write_text(render())
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
templates_path = ["_templates"]
copybutton_prompt_text = ">>> "


def by_guide_order(name):
    """Sort examples as the user guide comes to speak of them."""
    order = ["grid_search.py", "exact_zeros.py", "dropout.py", "validation_set.py"]
    return f"{order.index(name) if name in order else len(order)} {name}"


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "conf.by_guide_order",
    "abort_on_example_error": True,
    "show_memory": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skreg",),
}


def leave_out_scikit_learn(app, what, name, member, skip, options):
    """Skip what estimators inherit from scikit-learn: its docstrings link to its own pages."""
    module = getattr(member, "__module__", None) or ""
    return True if module.startswith("sklearn.") else None


def setup(app):
    app.connect("autodoc-skip-member", leave_out_scikit_learn)
