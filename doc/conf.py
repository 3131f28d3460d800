"""Configuration of the documentation: ``python -m sphinx -W doc doc/_build/html``."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import skreg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_reference  # noqa: E402
import module_diagram  # noqa: E402

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
exclude_patterns = ["_build", "_templates", "changes", "gallery/**/*.ipynb"]
default_role = "code"
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"sklearn\..*")]  # documented elsewhere

html_theme = "pydata_sphinx_theme"
html_title = "skreg"
html_theme_options = {
    "header_links_before_dropdown": 4,
    "navigation_with_keys": False,
    "show_prev_next": False,
    # Not beside an example: its code needs the width more than its page needs a list of contents.
    "secondary_sidebar_items": dict.fromkeys(
        ["*", "guide/*", "generated/*", "gallery/index"], ["page-toc"]
    ),
}
html_sidebars = {"*": []}  # single pages have no neighbours in a section
# MathJax is one file of the site, so that formulas need neither a network nor somebody's server.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"
mathjax_path = MATHJAX.name
html_static_path = ["_static", str(MATHJAX)]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = html_domain_indices = False  # the API reference and the search say it better
# Links from the HTML representation of an estimator look for the quotes of its docstring.
smartquotes = False
toc_object_entries_show_parents = "hide"

(HERE / "api.rst").write_text(api_reference.render())
(HERE / "modules.inc").write_text(module_diagram.render())
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
templates_path = ["_templates"]
copybutton_prompt_text = ">>> "

# Estimators that an example shows lead to this very site: its pages lie two folders down.
os.environ["SKREG_DOC_URL"] = "../.."
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.place",
    "abort_on_example_error": True,
    "parallel": 2,
    "image_srcset": ["2x"],
    "thumbnail_size": (480, 320),
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skreg",),
}


def leave_out_scikit_learn(app, what, name, member, skip, options):
    """Skip what estimators inherit from scikit-learn: its docstrings link to its own pages."""
    module = getattr(member, "__module__", None) or ""
    return True if module.startswith("sklearn.") else None


def leave_out_tuples(app, what, name, member, skip, options):
    """Skip the fields of records, which are in their lists of attributes, and what tuples can."""
    is_field = type(member).__name__ == "_tuplegetter"
    return True if is_field or name in ("count", "index") else None


def compile_kernels():
    """Compile what every fit needs, so that no example shows how long that takes."""
    X, y = np.eye(4), np.arange(4) % 2
    for dtype in ("float32", "float64"):
        skreg.MLPClassifier((4,), max_iter=1, learning_rate="cosine").fit(X.astype(dtype), y)


def setup(app):
    compile_kernels()
    app.connect("autodoc-skip-member", leave_out_scikit_learn)
    app.connect("autodoc-skip-member", leave_out_tuples)
